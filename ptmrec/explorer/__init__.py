"""Asking for a recommendation in a notebook: a panel of widgets, and what it shows."""
