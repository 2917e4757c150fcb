"""Studies of published records."""
