"""The way to the CRM: proxy, trusted certificates, and what is wrong with a certificate."""
