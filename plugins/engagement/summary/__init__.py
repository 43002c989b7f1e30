"""The artifacts of one run, and the findings, the summary and the report made from them."""
