"""Delivery of scores by one push task: rate, retries, outcomes and ledger; no Spark, no AWS."""
