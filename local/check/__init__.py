"""`make check`: whether a run would score an extract, without Airflow, Glue and CRM."""
