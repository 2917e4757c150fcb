"""What was measured: ground truth, roles of data sets, image sets, published tables."""
