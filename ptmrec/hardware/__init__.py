"""What models cost on a machine: parameters, FLOPs, memory, latency and throughput."""
