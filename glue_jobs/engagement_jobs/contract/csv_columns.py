"""The columns of every CSV; those of the extract are `Weights.columns`. See docs/reference/data-contract.md."""

SCORES = ("UserID", "Calculated_Score", "Timestamp")
FAILED = ("UserID", "outcome", "reason", "http_status")
