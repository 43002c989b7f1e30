"""Smoke runs: a dry run of the newest extract on what was deployed."""
