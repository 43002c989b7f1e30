"""Checks of the extract, the CRM and the scores: functions without Airflow."""
