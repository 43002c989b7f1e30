"""Who may update scores: the check of credentials, and the token endpoint of OAuth 2.0."""
