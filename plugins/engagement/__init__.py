"""The Airflow side of the engagement pipeline: what the DAG and its UI pages are made of."""
