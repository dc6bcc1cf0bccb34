"""The long versions of what proves delivery: `make soak`."""
