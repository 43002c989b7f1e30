"""What both sides share by contract: the names of arguments, and one strict model for each JSON document."""
