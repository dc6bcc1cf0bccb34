"""Triggers: two spellings, one condition tree, one evaluator."""

from actions_engine.trigger.condition import All, Any, Condition, Not, Test
from actions_engine.trigger.text_form import parse_text
from actions_engine.trigger.yaml_form import read_trigger

__all__ = ["All", "Any", "Condition", "Not", "Test", "parse_text", "read_trigger"]
