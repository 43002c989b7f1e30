"""What both jobs use: AWS, logging and the Spark session."""
