"""How much larger than its input an expression can make its result, and the bound on those that make it much larger.

`[@,@] | [@,@] | …` doubles what it is given at each step, and costs nothing until somebody reads the result. What an
expression can make of its input is told by its syntax tree alone, so that ordinary ones are not measured as they run:
only the parts that may multiply their input more than `ORDINARY` times are, each where it is made.
"""

from __future__ import annotations

from math import prod
from typing import Any

from actions_engine.functions import Library
from actions_engine.functions.library import BOUNDED

#: How many times its input a part of an expression may hold unmeasured.
ORDINARY = 100
_CHAINS = ("subexpression", "pipe", "index_expression")
_STEPS = (*_CHAINS, "projection", "value_projection", "filter_projection")
_SCALAR = frozenset({"number", "boolean", "null"})


def bound(tree: dict[str, Any], library: Library) -> tuple[dict[str, Any], bool]:
    """Return the tree with each part that can grow within a call that measures it, and whether there is any."""
    bounded, _, is_growing = _bound(tree, library)
    return bounded, is_growing


def _bound(node: dict[str, Any], library: Library) -> tuple[dict[str, Any], float, bool]:
    children: list[Any] = []
    growths: list[float] = []
    is_growing = False
    for child in node["children"]:
        # A slice's children are its three numbers.
        made, growth, grows = _bound(child, library) if isinstance(child, dict) else (child, 1.0, False)
        children.append(made)
        growths.append(growth)
        is_growing |= grows
    growth = _growth(node, growths, library)
    if node["type"] in _CHAINS and len(children) > 2 and growth > ORDINARY:
        return _measured_steps(node, children, growths), growth, True
    if growth > ORDINARY:
        children = _measured_first(node, children, growths)
        is_growing = True
    if is_growing:
        node = node | {"children": children}
    if growth <= ORDINARY or node["type"] in ("expref", "key_val_pair"):
        return node, growth, is_growing
    # What comes out is small enough, and its size is what the next step starts from.
    return _measured(node, 1.0), growth, True


def _measured(node: dict[str, Any], times: float) -> dict[str, Any]:
    factor = {"type": "literal", "value": min(times, 1e9), "children": []}
    return {"type": "function_expression", "value": BOUNDED, "children": [node, factor]}


def _measured_steps(node: dict[str, Any], children: list[Any], growths: list[float]) -> dict[str, Any]:
    """Return a chain in which what each growing step takes is measured before it, and what it makes after it."""
    steps, growth = children[:1], growths[0]
    for child, each in zip(children[1:], growths[1:], strict=True):
        growth *= each
        if growth <= ORDINARY or each <= 1:
            steps.append(child)
            continue
        taken = steps[0] if len(steps) == 1 else node | {"children": steps}
        steps = [_measured(node | {"children": [_measured(taken, each), child]}, 1.0)]
    return steps[0] if len(steps) == 1 else node | {"children": steps}


def _measured_first(node: dict[str, Any], children: list[Any], growths: list[float]) -> list[Any]:
    """Measure what a step is about to take, each part of it as many times as the step may repeat it."""
    if node["type"] == "function_expression":
        references = [child["type"] == "expref" for child in node["children"]]
        each = prod(growth for growth, is_reference in zip(growths, references, strict=True) if is_reference)
        if each == 1:
            return children
        return [
            child if is_reference else _measured(child, each)
            for child, is_reference in zip(children, references, strict=True)
        ]
    if node["type"] in _STEPS and growths[1] > 1:
        return [_measured(children[0], growths[1]), *children[1:]]
    return children


def _growth(node: dict[str, Any], growths: list[float], library: Library) -> float:
    """Return how many times a node's result can hold its input, from the same of its children."""
    match node["type"]:
        case "comparator" | "not_expression" | "slice":
            return 1.0
        case "or_expression" | "and_expression":
            return max(growths)
        case "multi_select_dict" | "multi_select_list":
            return _sum_of_parts(node["children"], growths)
        case "filter_projection":
            return prod(growths[:2])
        case "function_expression":
            return _growth_of_call(node, growths, library)
        case _:
            return prod(growths)


def _growth_of_call(node: dict[str, Any], growths: list[float], library: Library) -> float:
    function = library.get(node["value"])
    returns = function.returns if function is not None else frozenset[str]()
    if returns and returns <= _SCALAR:
        return 1.0
    references = [child["type"] == "expref" for child in node["children"]]
    values = sum(growth for growth, is_reference in zip(growths, references, strict=True) if not is_reference)
    each = prod(growth for growth, is_reference in zip(growths, references, strict=True) if is_reference)
    # Encodings write up to three characters for one.
    return max(values, 1.0) * each * (3.0 if "string" in returns else 1.0)


def _sum_of_parts(children: list[dict[str, Any]], growths: list[float]) -> float:
    """Fields of different names are different parts of the input: together they are no more than it."""
    by_field: dict[str, float] = {}
    whole = 0.0
    for child, growth in zip(children, growths, strict=True):
        first = _first_field(child)
        if first is None:
            whole += growth
        else:
            by_field[first] = by_field.get(first, 0.0) + growth
    return max(whole + max(by_field.values(), default=0.0), 1.0)


def _first_field(node: dict[str, Any]) -> str | None:
    while node["type"] in ("key_val_pair", "subexpression", "index_expression", "pipe", "projection", "flatten"):
        node = node["children"][0]
    return str(node["value"]) if node["type"] == "field" else None
