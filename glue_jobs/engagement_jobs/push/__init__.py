"""The push job: from the scores CSV to the delivery manifest."""
