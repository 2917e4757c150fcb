"""What a model costs on a machine."""
