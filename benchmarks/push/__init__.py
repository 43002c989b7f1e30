"""The delivery next to other ways of sending the same scores."""
