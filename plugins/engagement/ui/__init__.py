"""The "Engagement delivery" dashboard in Airflow, a FastAPI application."""
