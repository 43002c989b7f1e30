"""A model of a night by number of users, from what the other parts measured."""
