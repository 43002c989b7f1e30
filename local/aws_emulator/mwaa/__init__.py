"""MWAA: environments in which a real Airflow runs, and its API."""
