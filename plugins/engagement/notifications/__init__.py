"""The end of a run as an SNS message and as CloudWatch metrics."""
