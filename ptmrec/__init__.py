"""Cross-Select: rank pre-trained models for a dataset before any fine-tuning."""

__version__ = "0.1.0"
