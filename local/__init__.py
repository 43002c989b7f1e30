"""Emulators of S3 and AWS, a fake CRM and generated extracts, for development and tests only."""
