"""Bytes -> events: files, pipes and logs that grow, one decoder for the lines of all of them."""
