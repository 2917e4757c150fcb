"""Three colleagues to ask before a long run: one for data, one for models, one for trainers."""
