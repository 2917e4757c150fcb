"""Methods that are compared, and how they are judged."""
