"""Metrics of a ranking, and the ranker of published zoos under their protocols."""
