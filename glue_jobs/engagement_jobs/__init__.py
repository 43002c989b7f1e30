"""Code of both Glue jobs. Glue gets it as engagement_jobs.zip."""
