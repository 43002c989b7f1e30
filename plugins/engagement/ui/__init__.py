"""The page "Engagement delivery" in Airflow, a FastAPI application."""
