"""The networks: autoencoder, rankers and the image encoder."""
