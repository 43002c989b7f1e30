"""A strict fake of the CRM that scores are pushed to: its endpoint, its memory, and faults on demand.

`python -m local.fake_crm` serves it. What the endpoint accepts and answers is in `update`; `/_crm/` (see
`inspection`) shows afterwards what was received and applied, so that a sender is evaluated by the receiver's
count, not by its own.
"""
