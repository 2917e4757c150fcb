"""One function per figure, one style for all."""
