"""Releases: building one from a commit, and keeping them in the artifacts bucket."""
