"""The function library: JMESPath's own functions and those that destinations need.

A function of the library is a typed Python function: its annotations are the JMESPath types that a mapping is
checked against when it loads and a value when it is called. Names follow JMESPath Community's enhancement
proposals where they exist. JMESPath's own functions keep jmespath.py's exact results, errors included.
"""

from actions_engine.functions.library import Function, Library, function

__all__ = ["Function", "Library", "function"]
