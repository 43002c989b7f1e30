"""Stand-ins for the world outside: AWS, the CRM and the nightly extract. Never imported by the product."""
