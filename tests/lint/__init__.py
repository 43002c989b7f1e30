"""Checks of size and wording that no linter has: `python -m tests.lint [PATH ...]`, a part of `make lint`."""
