"""Speed against peers and limits, measured side by side: ``python -m benchmarks`` (``make bench``)."""
