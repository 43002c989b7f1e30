"""What the jobs share with the rest of the pipeline: arguments, S3 keys, CSV columns, outcomes and errors."""
