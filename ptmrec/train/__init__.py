"""One training loop for every trainer, with resumable checkpoints."""
