"""The main job: steps that are reused, the project they belong to, the notebooks that run them."""
