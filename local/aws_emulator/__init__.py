"""Emulator of the AWS services that the pipeline uses, except S3 (`local.s3_emulator`), on one loopback port.

It is moto, with three replacements. Glue runs the job scripts as processes. CloudFormation deploys by change sets and
rolls back. MWAA, which moto lacks, starts a real Airflow.
"""
