"""The columns of every CSV; those of the extract are `Weights.columns`. See docs/reference/data-contract.md."""

SCORES_COLUMNS = ("UserID", "Calculated_Score", "Timestamp")
FAILED_COLUMNS = ("UserID", "outcome", "reason", "http_status")
