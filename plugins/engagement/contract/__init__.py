"""Names, S3 keys and JSON documents that the Airflow side shares with the Glue jobs."""
