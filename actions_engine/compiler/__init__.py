"""Mappings -> Python: the trigger index, and the fields of mappings that fire together as one function."""
