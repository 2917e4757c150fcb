"""Ranking models for images somebody brings."""
