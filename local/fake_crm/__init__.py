"""A strict fake of the CRM: its update endpoint, its stored scores, and faults on demand.

`python -m local.fake_crm` serves it. `update_endpoint` shows what the endpoint accepts and returns. `/_crm/` (see
`inspection`) reports what was received and applied, so that tests compare a sender's counts with the receiver's.
"""
