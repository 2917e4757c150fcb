"""Tables and numbers for LaTeX."""
