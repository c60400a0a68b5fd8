"""What `/metrics` exports for Prometheus."""
