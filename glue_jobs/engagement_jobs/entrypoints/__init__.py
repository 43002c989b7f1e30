"""How a job starts: command line, Glue workflow run and extract check."""
