"""Turning a model snapshot into vectors: one module per view, found by name in a registry."""
