"""Glue: jobs whose runs run the scripts with real Spark, and workflows that start them."""
