"""Reading images, model vectors and tokens, dataset tokens, and the combined batches the ranker trains on."""
