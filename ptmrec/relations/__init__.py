"""Numbers about a pair: a model and a data set, or two data sets."""
