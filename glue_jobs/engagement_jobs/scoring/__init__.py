"""The scoring job: from the Parquet extract to the scores CSV."""
