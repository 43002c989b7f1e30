"""Response headers that set a pace: waits that the CRM requests, and quotas that it announces."""
