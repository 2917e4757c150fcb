"""What everything else stands on: errors, files, text, the log."""
