"""Glue: job runs as processes, and workflow runs."""
