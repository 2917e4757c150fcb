"""Metrics, baselines and the evaluation of rankers on the four quadrants."""
