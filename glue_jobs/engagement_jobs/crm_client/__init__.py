"""HTTP client of the CRM and classification of its responses; no Spark, no AWS."""
