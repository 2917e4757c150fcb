"""Kills, faults and hostile input against the package: ``python -m torture``."""
