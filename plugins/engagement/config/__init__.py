"""Configuration: parse-time values, the settings Variable, params and macros."""
