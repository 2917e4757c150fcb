"""Costs of models on machines: parameters, FLOPs, memory, latency, throughput and energy."""
