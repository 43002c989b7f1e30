"""What both jobs use: AWS, logs and the Spark session."""
