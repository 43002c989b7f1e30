"""What both Glue jobs are made of; shipped to Glue as engagement_jobs.zip."""
