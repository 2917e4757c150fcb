"""Published benchmarks: their own evaluators, reproduced, and our ranker under the same protocols."""
