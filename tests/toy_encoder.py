"""An image encoder that needs no weights."""

import numpy as np


class PixelEncoder:
    """Stands in for CLIP: the mean colour of an image and ones."""

    name, hash = "pixels", "0"

    def encode(self, images, description=None):
        means = np.asarray(images, np.float32).mean(axis=(1, 2)) / 255
        features = np.concatenate([means, np.ones((len(means), 5), np.float32)], axis=1)
        return features / np.linalg.norm(features, axis=1, keepdims=True)
