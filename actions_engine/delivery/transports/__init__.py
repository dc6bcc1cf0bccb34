"""What carries requests: HTTP, and what a destination brings itself."""
