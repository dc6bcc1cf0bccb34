"""What is wrong, or probably not meant, in mappings that can be read: checked when they are loaded."""

from actions_engine.checks.mappings import Checked, check_file

__all__ = ["Checked", "check_file"]
