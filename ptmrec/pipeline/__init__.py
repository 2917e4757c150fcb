"""The main job as steps: each is done again only when its data, settings or code have changed."""
