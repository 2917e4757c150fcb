"""Cross-Select: rank pre-trained models for a dataset before any fine-tuning."""

import warnings

__version__ = "0.1.0"

# huggingface_hub imports tqdm.auto, which asks every kernel without ipywidgets to install them; our bars are text.
# Here, because this file runs before any library is imported.
warnings.filterwarnings("ignore", message="IProgress not found")
