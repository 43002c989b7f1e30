"""Evidence about the run: what the answers to several users say about the CRM, the token and base_url."""
