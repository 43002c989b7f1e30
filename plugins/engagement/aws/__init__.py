"""Access to AWS: S3 objects, Glue runs and their cost."""
