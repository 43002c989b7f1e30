"""The AWS services that the pipeline talks to, except S3 (`local.s3_emulator`), on one loopback port.

moto keeps their state; its Glue is replaced by one that really runs the job scripts, its CloudFormation by one that
deploys by change sets and rolls back, and MWAA, which it lacks, is an Airflow that really runs.
"""
