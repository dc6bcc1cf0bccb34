"""YAML -> checked mappings: every file of a folder, all problems at once, each with its place and a hint."""
