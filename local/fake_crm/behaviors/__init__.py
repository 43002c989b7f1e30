"""What real servers do and the fake CRM does on demand: odd answers byte by byte, platforms' limits, quotas."""
