"""Rankers to compare with; one file each, one signature."""
