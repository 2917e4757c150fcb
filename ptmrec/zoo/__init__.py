"""The model zoo: architectures, cards, snapshots, and the builder of the embedded zoo."""
