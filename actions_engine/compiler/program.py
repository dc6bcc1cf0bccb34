"""Expressions -> straight-line Python.

The syntax tree that jmespath.py parses becomes one function: each step is taken once and kept in a local variable, and
a step that several fields, conditions or mappings need is shared. The source is built from this file's own text, from
`ascii()` of strings and `repr()` of small numbers; everything else reaches the code as a named constant, so that no
event or mapping text is ever part of the program except inside a string literal.

    def program(event):
        # 'Identify the clicker': 'user_id' = 'userId'
        v1 = event.get('userId')
        # 'Identify the clicker': 'traits' = 'context.traits'
        v2 = event.get('context')
        o3 = v2 if isinstance(v2, dict) else EMPTY
        v4 = o3.get('traits')
        f5 = {'user_id': v1, 'traits': v4}
        if v1 is None: del f5['user_id']
        if v4 is None: del f5['traits']
        return (f5,)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any

from actions_engine.compiler.code_writer import CodeWriter, Compiled
from actions_engine.compiler.runtime import RUNTIME, TOTAL_ON_TEXT
from actions_engine.functions import Library
from actions_engine.functions.library import BOUNDED
from actions_engine.language.blank import is_blank
from actions_engine.language.expression import Expression
from actions_engine.language.fields import Constant, FieldValue, Items, Record, Template

_ORDERINGS = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
# Python allows some 20 nested loops and 100 levels of indentation; deeper parts become functions of their own.
_MAX_LEVEL = 12


Finish = Callable[["ProgramWriter", int, str], str]


def compile_fields(
    mappings: Sequence[tuple[str, Mapping[str, FieldValue]]],
    library: Library,
    finish: Finish | None = None,
    single: Sequence[Set[str]] = (),
) -> Compiled:
    """Compile the fields of mappings that fire together to one function of the event.

    Args:
        mappings: Each mapping's name, for the comments, with its fields.
        library: The functions that the fields may call.
        finish: From the code, a mapping's number and the variable that holds its dict of field values to the
            expression for what the function returns of that mapping; the dict itself by default.
        single: For each mapping the fields that take one value, where blank text means that there is nothing.

    Returns:
        A function that takes an event (a dict) and returns a tuple with a result for each mapping.
    """
    code = ProgramWriter("program", "event", library)
    results: list[str] = []
    for number, (name, fields) in enumerate(mappings):
        row = code.fields(name, fields, single[number] if single else frozenset())
        results.append(row if finish is None else finish(code, number, row))
    code.line(f"return ({', '.join(results)},)")
    return code.compile()


def compile_expression(expression: Expression) -> Compiled:
    """Compile one expression to a function of any value."""
    code = ProgramWriter("search", "value", expression.library, is_object=False)
    code.line(f"return {code.expression(expression.tree, 'value')}")
    return code.compile()


class ProgramWriter(CodeWriter):
    """A Python function in the making, of expressions and fields."""

    def __init__(self, name: str, argument: str, library: Library, *, is_object: bool = True) -> None:
        super().__init__(name, argument, RUNTIME)
        self.library = library
        if is_object:
            self.known["object", argument] = argument
        # Functions for nodes that are nested too deeply, or are references.
        self._own: dict[Any, str] = {}

    # -- fields

    def fields(self, mapping: str, fields: Mapping[str, FieldValue], single: Set[str]) -> str:
        """Compute a mapping's fields and return the variable that holds their dict."""
        values: list[tuple[str, FieldValue, str]] = []
        for name, field in fields.items():
            if isinstance(field, Constant) and name in single and is_blank(field.value):
                continue
            if not isinstance(field, Constant):
                self.line(f"# {mapping!a}: {name!a}{_comment(field)}")
            values.append((name, field, self.field(field)))
        return self._record(values, single)

    def field(self, field: FieldValue) -> str:
        """Compute a field's value and return an expression for it."""
        match field:
            case Constant(value):
                return self.constant(value)
            case Expression():
                return self.variable(self.expression(field.tree, self.argument))
            case Template(parts):
                return self._template(parts)
            case Record(fields):
                return self._record([(name, value, self.field(value)) for name, value in fields])
            case Items(items):
                return self._items([(item, self.field(item)) for item in items])

    def _record(self, values: Sequence[tuple[str, FieldValue, str]], single: Set[str] = frozenset()) -> str:
        record = self.fresh("f")
        # One display and a deletion for each missing field: most fields are there, and a display is far the fastest.
        self.line(f"{record} = {{{', '.join(f'{name!a}: {value}' for name, _, value in values)}}}")
        for name, field, value in values:
            if not _is_always_there(field):
                self.line(f"if {value} is None: del {record}[{name!a}]")
        looked_at = [
            (name, value) for name, field, value in values if name in single and not isinstance(field, Constant)
        ]
        if looked_at:
            # One look for all of them: mostly none is blank.
            with self.block(f"if not BLANK.isdisjoint(({', '.join(value for _, value in looked_at)},)):"):
                for name, value in looked_at:
                    self.line(f"if {value} in BLANK: del {record}[{name!a}]")
        return record

    def _items(self, values: Sequence[tuple[FieldValue, str]]) -> str:
        items = self.fresh("f")
        if all(_is_always_there(field) for field, _ in values):
            self.line(f"{items} = [{', '.join(value for _, value in values)}]")
            return items
        self.line(f"{items} = []")
        for field, value in values:
            guard = "" if _is_always_there(field) else f"if {value} is not None: "
            self.line(f"{guard}{items}.append({value})")
        return items

    def _template(self, parts: Sequence[str | Expression]) -> str:
        pieces: list[str] = []
        for part in parts:
            if isinstance(part, str):
                pieces.append(ascii(part))
            else:
                value = self.variable(self.expression(part.tree, self.argument))
                pieces.append(f"({value} if type({value}) is str else as_text({value}))")
        text = self.fresh()
        self.line(f"{text} = {' + '.join(pieces) or ascii('')}")
        return text

    # -- expressions

    def expression(self, node: dict[str, Any], source: str) -> str:
        """Compute a JMESPath node on the value in `source` and return a variable or literal for the result."""
        kind = node["type"]
        if kind in ("identity", "current"):
            return source
        if kind == "literal":
            return self.constant(node["value"])
        if kind in ("subexpression", "pipe", "index_expression"):
            for child in node["children"]:
                source = self.variable(self.expression(child, source))
            return source
        if kind == "field":
            return self.keep(("field", node["value"], source), f"{self._object(source)}.get({node['value']!a})")
        key = (_key(node), source)
        known = self.lookup(key)
        if known is not None:
            return known
        if self.level > _MAX_LEVEL and kind != "expref":
            result = self.keep(key, f"{self._own_function(node)}({source})")
        else:
            result = getattr(self, f"_{kind}")(node, source)
        self.known[key] = result
        return result

    def _object(self, source: str) -> str:
        return self.keep(("object", source), f"{source} if isinstance({source}, dict) else EMPTY", "o")

    def _own_function(self, node: dict[str, Any]) -> str:
        """Compile a node to a function of its own; it sees nothing but its argument, as JMESPath has no scopes."""
        key = _key(node)
        if key in self._own:
            return self._own[key]
        name = self._own[key] = self.fresh("search")
        with self.function(name, "value"):
            self.line(f"return {self.expression(node, 'value')}")
        return name

    def _index(self, node: dict[str, Any], source: str) -> str:
        index = node["value"]
        enough = f"len({source}) > {index}" if index >= 0 else f"len({source}) >= {-index}"
        return self.assign(f"{source}[{index}] if isinstance({source}, list) and {enough} else None")

    def _slice(self, node: dict[str, Any], source: str) -> str:
        bounds = ":".join("" if bound is None else str(bound) for bound in node["children"])
        return self.assign(f"{source}[{bounds}] if isinstance({source}, list) else None")

    def _comparator(self, node: dict[str, Any], source: str) -> str:
        left, right = (self.expression(child, source) for child in node["children"])
        operator = node["value"]
        if operator in _ORDERINGS:
            return self.assign(
                f"{left} {_ORDERINGS[operator]} {right} if comparable({left}) and comparable({right}) else None"
            )
        simple = any(child["type"] == "literal" and isinstance(child["value"], str) for child in node["children"])
        if simple:
            return self.assign(f"{left} {'==' if operator == 'eq' else '!='} {right}")
        return self.assign(f"{'' if operator == 'eq' else 'not '}equals({left}, {right})")

    def _or_expression(self, node: dict[str, Any], source: str) -> str:
        return self._either(node, source, "is_false")

    def _and_expression(self, node: dict[str, Any], source: str) -> str:
        return self._either(node, source, "is_true")

    def _either(self, node: dict[str, Any], source: str, go_on: str) -> str:
        result = self.assign(self.expression(node["children"][0], source))
        # Zero is true in JMESPath. The first test is Python's own and spares the call for most values.
        head = (
            f"if not {result} and is_false({result}):"
            if go_on == "is_false"
            else f"if {result} or not is_false({result}):"
        )
        with self.block(head):
            self.line(f"{result} = {self.expression(node['children'][1], source)}")
        return result

    def _not_expression(self, node: dict[str, Any], source: str) -> str:
        return self.assign(f"negate({self.expression(node['children'][0], source)})")

    def _multi_select_dict(self, node: dict[str, Any], source: str) -> str:
        return self._multi_select(node, source, self._dict_display)

    def _multi_select_list(self, node: dict[str, Any], source: str) -> str:
        return self._multi_select(node, source, self._list_display)

    def _multi_select(self, node: dict[str, Any], source: str, display: Callable[[dict[str, Any], str], str]) -> str:
        if self.lookup(("object", source)) == source:
            return self.assign(display(node, source))
        result = self.fresh()
        with self.block(f"if {source} is None:"):
            self.line(f"{result} = None")
        with self.block("else:"):
            self.line(f"{result} = {display(node, source)}")
        return result

    def _dict_display(self, node: dict[str, Any], source: str) -> str:
        values = [(pair["value"], self.expression(pair["children"][0], source)) for pair in node["children"]]
        return "{" + ", ".join(f"{name!a}: {value}" for name, value in values) + "}"

    def _list_display(self, node: dict[str, Any], source: str) -> str:
        return f"[{', '.join([self.expression(child, source) for child in node['children']])}]"

    def _projection(self, node: dict[str, Any], source: str) -> str:
        left, right = node["children"]
        if left["type"] == "flatten" and right["type"] == "multi_select_dict" and node.get("value") != "plain":
            return self._project_objects(left["children"][0], right, source)
        base = self.variable(self.expression(left, source))
        return self._project(f"isinstance({base}, list)", base, right)

    def _project_objects(self, left: dict[str, Any], right: dict[str, Any], source: str) -> str:
        """Compute `left[].{…}`: one loop for a list of objects, as nearly all are; anything else takes the long way."""
        base = self.variable(self.expression(left, source))
        flat = {"type": "flatten", "value": None, "children": [{"type": "current", "children": []}]}
        otherwise = self._own_function({"type": "projection", "value": "plain", "children": [flat, right]})
        result, item = self.fresh(), self.fresh("e")
        with self.block(f"if type({base}) is list:"):
            self.line(f"{result} = []")
            with self.block(f"for {item} in {base}:"):
                with self.block(f"if type({item}) is not dict:"):
                    self.line(f"{result} = {otherwise}({base})")
                    self.line("break")
                self.known["object", item] = item
                self.line(f"{result}.append({self._dict_display(right, item)})")
        with self.block("else:"):
            self.line(f"{result} = {otherwise}({base})")
        return result

    def _value_projection(self, node: dict[str, Any], source: str) -> str:
        base = self.variable(self.expression(node["children"][0], source))
        return self._project(f"isinstance({base}, dict)", f"{base}.values()", node["children"][1])

    def _filter_projection(self, node: dict[str, Any], source: str) -> str:
        base = self.variable(self.expression(node["children"][0], source))
        return self._project(f"isinstance({base}, list)", base, node["children"][1], node["children"][2])

    def _project(self, guard: str, items: str, right: dict[str, Any], condition: dict[str, Any] | None = None) -> str:
        result, item = self.fresh(), self.fresh("e")
        with self.block(f"if {guard}:"):
            if condition is None and right["type"] == "identity":
                self.line(f"{result} = [{item} for {item} in {items} if {item} is not None]")
            else:
                self.line(f"{result} = []")
                with self.block(f"for {item} in {items}:"):
                    if condition is not None:
                        held = self.variable(self.expression(condition, item))
                        self.line(f"if not {held} and is_false({held}): continue")
                    self._collect(right, item, result)
        with self.block("else:"):
            self.line(f"{result} = None")
        return result

    def _collect(self, right: dict[str, Any], item: str, result: str) -> None:
        """Append to `result` what the right side of a projection gives for an item, if anything."""
        if right["type"] in ("multi_select_dict", "multi_select_list"):
            # Null is all that these have no value for: one test in place of two.
            with self.block(f"if {item} is not None:"):
                build = self._dict_display if right["type"] == "multi_select_dict" else self._list_display
                self.line(f"{result}.append({build(right, item)})")
        else:
            value = self.variable(self.expression(right, item))
            self.line(f"if {value} is not None: {result}.append({value})")

    def _flatten(self, node: dict[str, Any], source: str) -> str:
        return self.assign(f"flatten({self.expression(node['children'][0], source)})")

    def _function_expression(self, node: dict[str, Any], source: str) -> str:
        name = node["value"]
        if name == "if":
            return self._if(node["children"], source)
        arguments = [self.expression(child, source) for child in node["children"]]
        if name == BOUNDED:
            return self.assign(f"within_bounds({', '.join(arguments)})")
        called = f"{self.constant_function(name)}({', '.join(arguments)})"
        if (on_text := TOTAL_ON_TEXT.get(name)) and self.library[name].source == "actions_engine":
            subject = self.variable(arguments[0])
            return self.assign(f"{self.constant(on_text)}({subject}) if type({subject}) is str else {called}")
        return self.assign(called)

    def _if(self, children: Sequence[dict[str, Any]], source: str) -> str:
        """Compute the branch that is taken alone, so that `if` guards what the other cannot take."""
        test = self.variable(self.expression(children[0], source))
        result = self.fresh()
        with self.block(f"if {test} or not is_false({test}):"):
            self.line(f"{result} = {self.expression(children[1], source)}")
        with self.block("else:"):
            self.line(f"{result} = {self.expression(children[2], source) if len(children) > 2 else None}")
        return result

    def constant_function(self, name: str) -> str:
        """Return the name under which the code calls a function of the library."""
        bound = f"f_{name}"
        self.constants[bound] = self.library[name].call
        return bound

    def _expref(self, node: dict[str, Any], _source: str) -> str:
        return f"Reference({self._own_function(node['children'][0])})"


def _is_always_there(field: FieldValue) -> bool:
    """Whether a field has a value on every event; only a bare expression can be missing."""
    return not isinstance(field, Expression)


def _comment(field: FieldValue) -> str:
    return f" = {field.text!a}" if isinstance(field, Expression) else ""


def _key(node: Any) -> Any:
    """Return what makes two syntax trees the same computation."""
    if not isinstance(node, dict):
        return node
    if node["type"] == "literal":
        return "literal", repr(node["value"])
    return node["type"], node.get("value"), tuple(_key(child) for child in node["children"])
