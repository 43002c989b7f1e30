"""End-of-run notifications: an SNS message and CloudWatch metrics."""
