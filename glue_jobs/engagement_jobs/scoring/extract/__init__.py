"""The extract: its files, their footers, and the rows as one DataFrame."""
