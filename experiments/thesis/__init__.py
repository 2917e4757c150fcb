"""The thesis: its numbers, tables and figures from results, its text checked, its PDF built."""
