"""The model zoo: architectures, cards, snapshots, and the forms in which people have models."""
