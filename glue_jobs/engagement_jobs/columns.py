"""The columns of every table that crosses a border; see docs/data-contract.md."""

from engagement_jobs.weights import METRICS

ACTIVITY = ("user_id", *METRICS)
SCORES = ("UserID", "Calculated_Score", "Timestamp")
FAILED = ("UserID", "outcome", "reason", "http_status")
