"""What the tool deploys to Airflow: DAG files, the Variable and the pool; and Airflow's REST API on MWAA."""
