"""The Spark of the emulated Glue jobs: configuration and Java."""
