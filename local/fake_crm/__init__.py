"""A strict fake of the CRM: its endpoints, its stored scores, and faults on demand.

`python -m local.fake_crm` serves it. `apis` shows what the endpoints accept and return. `/_crm/` (see
`inspection`) reports what was received and applied, so that tests compare a sender's counts with the receiver's.
"""
