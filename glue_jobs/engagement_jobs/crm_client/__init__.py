"""The HTTP client of the CRM and what its responses mean; no Spark, no AWS."""
