"""What helps people write mappings and plugins: examples run, changes compared, files laid out, begun and described."""
