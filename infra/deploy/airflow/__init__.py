"""What Airflow gets: DAG files, the Variable, the pool; and its REST API through MWAA."""
