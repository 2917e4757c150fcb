"""Figures of the thesis: functions from data to a figure."""
