"""Checks of the extract, the CRM and the scores. Pure functions without Airflow."""
