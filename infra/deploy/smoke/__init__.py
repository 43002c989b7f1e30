"""Smoke runs: a dry run of the newest extract with what was deployed."""
