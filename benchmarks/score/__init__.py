"""The scoring job next to other ways of computing the same scores."""
