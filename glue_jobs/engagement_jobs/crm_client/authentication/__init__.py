"""How the job shows the CRM who it is: the secret, OAuth tokens and the client certificate."""
