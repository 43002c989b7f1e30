"""A strict stand-in for the CRM that scores are pushed to: its endpoint, its memory, and faults on demand.

`python -m local.crm` serves it. What the endpoint accepts and answers is in `update`; `/_crm/` (see
`inspection`) tells afterwards what was received and applied, so that a sender is judged by the receiver's
count, not by its own. `/` shows the same to a person (see `page`).
"""
