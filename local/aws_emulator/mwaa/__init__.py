"""MWAA: environments whose Airflow runs from the files that were deployed."""
