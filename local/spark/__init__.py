"""Spark on one machine, set up as the stand-in's Glue jobs find it."""
