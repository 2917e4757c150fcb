"""Tables for LaTeX, and the numbers of README and docs."""
