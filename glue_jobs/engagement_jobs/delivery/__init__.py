"""Delivery of scores by one task: which request is sent when, and when to stop; no Spark, no AWS."""
