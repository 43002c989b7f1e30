"""Releases: what a commit is deployed as, and the bucket that keeps them."""
