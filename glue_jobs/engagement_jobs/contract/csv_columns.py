"""Columns of the CSV files that the jobs write; see docs/reference/data-contract.md."""

SCORES_COLUMNS = ("UserID", "Calculated_Score", "Timestamp")
FAILED_COLUMNS = ("UserID", "outcome", "reason", "http_status")
