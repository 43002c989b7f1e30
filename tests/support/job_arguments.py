"""Arguments of both jobs as Glue passes them; needs neither Spark nor Airflow."""

SCORE = {
    "JOB_RUN_ID": "jr_1",
    "score_date": "2026-11-23",
    "scored_at": "2026-11-23T03:00:00Z",
    "run_id": "scheduled__2026-11-23T03:00:00+00:00",
    "input_uri": "s3://in/activity/dt=2026-11-23/activity.parquet",
    "input_etags": '{"activity/dt=2026-11-23/activity.parquet": "abc"}',
    "output_bucket": "out",
    "weights_uri": "default",
    "max_invalid_fraction": "0.05",
}
PUSH = {
    "JOB_RUN_ID": "jr_2",
    "score_date": "2026-11-23",
    "run_id": "scheduled__2026-11-23T03:00:00+00:00",
    "output_bucket": "out",
    "base_url": "https://crm.example.com/",
    "secret_id": "crm-token",
    "push_mode": "all",
    "resend_delivered": "false",
    "limit": "none",
    "max_requests_per_second": "50",
    "push_tasks": "4",
    "max_concurrency": "64",
    "max_attempts": "5",
    "request_timeout_seconds": "30",
    "deadline_seconds": "9000",
    "unavailable_timeout_seconds": "600",
    "max_failed_fraction": "0.01",
    "allow_http": "false",
}
