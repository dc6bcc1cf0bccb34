"""The installed plugins -> one JSON Schema of mapping files, by which an editor completes and checks them.

It is written in what draft 2020-12 and the older drafts of editors share: `if`/`then` on constants, `$ref` into
`$defs`, and no keyword beside a `$ref`, which draft 7 would not see. It accepts what
`Engine.load` accepts; whether expressions are well formed and paths exist is `actions-engine check`'s to say.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from actions_engine.authoring.language_schema import (
    condition_schema,
    delivery_schema,
    examples_schema,
    expectation_schema,
    field_schema,
    required_field_schema,
    trigger_schema,
    type_condition_schema,
)
from actions_engine.destination import Action, Destination
from actions_engine.language.keys import INVALID, VARIABLE_PATTERN
from actions_engine.payload import default_of
from actions_engine.registry import Registry

Schema = dict[str, Any]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
# Of a setting's own schema, what tells an author what to write; `title` is only its name again.
_NOISE = ("title", "format", "writeOnly")


def mapping_schema(registry: Registry) -> Schema:
    """Return the JSON Schema of mapping files for the destinations of a registry, in the order of their names."""
    destinations = [registry.destinations[name] for name in sorted(registry.destinations)]
    definitions: Schema = {
        "trigger": trigger_schema(),
        "condition": condition_schema(),
        "type-condition": type_condition_schema(),
        "field": field_schema(),
        "required-field": required_field_schema(),
        "examples": examples_schema(),
        "delivery": delivery_schema(),
    }
    for destination in destinations:
        definitions |= _definitions(destination)
    return {
        "$schema": _DIALECT,
        "title": "Mapping file",
        "description": "One file is one instance of a destination: its settings, and mappings from events to calls.",
        "type": "object",
        "required": ["destination"],
        "anyOf": [{"required": ["mappings"]}, {"required": ["presets"]}],
        "additionalProperties": False,
        "properties": {
            "destination": _names("As a plugin registers it.", ((d.name, d.title) for d in destinations)),
            "settings": {"type": "object", "description": "Its settings; `${VAR}` reads the environment."},
            "filter": _ref("trigger", "A trigger that every event must pass before any mapping of the file."),
            "invalid": _INVALID,
            "presets": {"description": "Mappings that the destination recommends: a list of their names, or `all`."},
            "mappings": {
                "type": "array",
                "description": "The mappings: each has a name, an action, a trigger and fields.",
                "items": {"type": "object", "required": ["name", "action"]},
            },
            "enabled": {"type": "boolean", "description": "`false` silences the whole file.", "default": True},
            "delivery": _ref("delivery", "How the calls are delivered."),
        },
        "allOf": [_of_destination(destination) for destination in destinations],
        "$defs": definitions,
    }


_INVALID: Schema = {
    "enum": list(INVALID),
    "default": INVALID[0],
    "description": "What a value that cannot be read costs: `leave out` its field, with a note, or `reject` the call.",
}


def as_text(schema: Schema) -> str:
    """Return a schema as JSON with one definition a line: small, and a changed plugin changes its own lines alone."""

    def lines(members: Mapping[str, Any], indent: str) -> str:
        rows = (f"{indent}{json.dumps(key)}: {_compact(value)}" for key, value in members.items())
        return ",\n".join(rows)

    rest = {key: value for key, value in schema.items() if key != "$defs"}
    return "{\n" + lines(rest, " ") + ',\n "$defs": {\n' + lines(schema["$defs"], "  ") + "\n }\n}\n"


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _of_destination(destination: Destination) -> Schema:
    """Return what holds of a file that names this destination."""
    name = destination.name
    then: Schema = {
        "properties": {
            "settings": {"$ref": f"#/$defs/{name}.settings"},
            "presets": _presets(destination),
            "mappings": {"items": {"$ref": f"#/$defs/{name}.mapping"}},
        }
    }
    if any(info.is_required() for info in destination.settings.model_fields.values()):
        then["required"] = ["settings"]
    return {"if": {"properties": {"destination": {"const": name}}, "required": ["destination"]}, "then": then}


def _presets(destination: Destination) -> Schema:
    presets = destination.presets.values()
    described = ((preset.name, f"The action `{preset.action}`.") for preset in presets)
    some: Schema = {"uniqueItems": True, "items": _names("", described)} if presets else {"maxItems": 0}
    return {"anyOf": [{"const": "all", "description": "Every preset of the destination."}, {"type": "array"} | some]}


def _definitions(destination: Destination) -> Schema:
    definitions = _settings(destination)
    definitions[f"{destination.name}.mapping"] = _mapping(destination)
    for action in destination.actions.values():
        definitions[f"{destination.name}.{action.name}.fields"] = _fields(action)
        if action.payload.model_fields:
            definitions[f"{destination.name}.{action.name}.names"] = {"enum": list(action.payload.model_fields)}
    return definitions


# -- settings


class _Lenient(GenerateJsonSchema):
    """Lets a setting of a type that JSON Schema cannot say be anything, so that a stranger's plugin stops nothing."""

    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012 - as pydantic declares it

    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> JsonSchemaValue:
        return {}


def _settings(destination: Destination) -> Schema:
    """Return the definitions of a destination's settings, in which every value may also be a `${VAR}`."""
    prefix = f"{destination.name}.settings"
    references = f"#/$defs/{prefix}.{{model}}"
    model = destination.settings.model_json_schema(ref_template=references, schema_generator=_Lenient)
    inner = model.pop("$defs", {})
    for name, info in destination.settings.model_fields.items():
        # pydantic leaves a description out that is also its type's own.
        if info.description and name in model.get("properties", {}):
            model["properties"][name].setdefault("description", info.description)
    definitions = {f"{prefix}.{name}": _with_variables(schema) for name, schema in inner.items()}
    definitions[prefix] = _with_variables(model) | {"description": f"The settings of {destination.title}."}
    return definitions


def _with_variables(schema: Any) -> Any:
    """Return a schema that also takes text with `${VAR}` wherever it takes a scalar that is not any text."""
    if not isinstance(schema, dict):
        return schema
    cleaned = {key: value for key, value in schema.items() if key not in _NOISE and not _is_null_default(key, value)}
    is_secret = schema.get("writeOnly") is True
    for key in ("properties", "patternProperties"):
        if key in cleaned:
            cleaned[key] = {name: _with_variables(value) for name, value in cleaned[key].items()}
    for key in ("items", "additionalProperties"):
        if key in cleaned:
            cleaned[key] = _with_variables(cleaned[key])
    for key in ("anyOf", "oneOf", "allOf", "prefixItems"):
        if key in cleaned:
            cleaned[key] = [_with_variables(value) for value in cleaned[key]]
    if is_secret and "description" in cleaned:
        cleaned["description"] += " A secret: give it as `${VAR}`."
    notes = {key: cleaned.pop(key) for key in ("description", "default") if key in cleaned}
    if "$ref" in cleaned:
        return {**notes, "allOf": [{"$ref": cleaned["$ref"]}]} if notes else cleaned
    if _is_narrow(cleaned):
        return {**notes, "anyOf": [cleaned, {"type": "string", "pattern": VARIABLE_PATTERN}]}
    return {**notes, **cleaned}


def _is_null_default(key: str, value: Any) -> bool:
    return key == "default" and value is None


def _is_narrow(schema: Schema) -> bool:
    kind = schema.get("type")
    if kind in ("integer", "number", "boolean") or "enum" in schema or "const" in schema:
        return True
    return kind == "string" and any(key in schema for key in ("pattern", "minLength", "maxLength"))


# -- mappings


def _mapping(destination: Destination) -> Schema:
    actions = destination.actions.values()
    formerly = [name for action in actions for name in action.formerly]
    return {
        "type": "object",
        "required": ["name", "action"],
        "additionalProperties": False,
        "properties": {
            "name": {
                "type": "string",
                "pattern": "\\S",
                "description": "Unique in the file; it names the mapping in every message and report.",
            },
            "description": {"type": "string", "description": "For people."},
            "enabled": {"type": "boolean", "description": "`false` silences the mapping.", "default": True},
            "action": _names(
                "What the destination shall do.", ((action.name, action.description) for action in actions), formerly
            ),
            "trigger": _ref("trigger", "When the mapping fires; without one, the action's default trigger."),
            "fields": {"type": "object", "description": "What fills the payload; other fields keep their defaults."},
            "omit": {"type": "array", "description": "Payload fields whose default is dropped."},
            "invalid": _INVALID,
            "examples": {"$ref": "#/$defs/examples"},
        },
        "allOf": [_of_action(action) for action in actions],
    }


def _of_action(action: Action) -> Schema:
    """Return what holds of a mapping that names this action."""
    trigger = {"description": f"When the mapping fires. Default: `{action.trigger}`", "default": action.trigger}
    fields = action.payload.model_fields
    named = f"{action.destination}.{action.name}"
    names: Schema | None = None
    if fields and action.payload.model_config.get("extra") == "forbid":
        names = {"$ref": f"#/$defs/{named}.names"}
    then: Schema = {
        "properties": {
            "trigger": trigger,
            "fields": {"$ref": f"#/$defs/{named}.fields"},
            "omit": {"items": {"$ref": f"#/$defs/{named}.names"}} if fields else {"maxItems": 0},
            "examples": {"items": {"properties": {"expect": expectation_schema(fields, names)}}},
        }
    }
    if _needed(action):
        then["required"] = ["fields"]
    chosen = {"enum": [action.name, *action.formerly]} if action.formerly else {"const": action.name}
    return {"if": {"properties": {"action": chosen}, "required": ["action"]}, "then": then}


def _needed(action: Action) -> list[str]:
    """Return the fields that every mapping of an action must name: required, and without a default."""
    fields = action.payload.model_fields.items()
    return [name for name, info in fields if info.is_required() and default_of(info) is None]


def _fields(action: Action) -> Schema:
    types = action.payload.model_json_schema(schema_generator=_Lenient)
    properties: Schema = {}
    for name, info in action.payload.model_fields.items():
        marker = default_of(info)
        text = [info.description or "", _takes(types["properties"].get(name, {}), types.get("$defs", {}))]
        kind = "required-field" if info.is_required() else "field"
        if marker is not None:
            text.append(f"Default: `{marker.expression}`")
        described = _ref(kind, "\n\n".join(filter(None, text)))
        properties[name] = described if marker is None else described | {"default": marker.expression}
    schema: Schema = {
        "type": "object",
        "description": action.description,
        "additionalProperties": False,
        "properties": properties,
    }
    if needed := _needed(action):
        schema["required"] = needed
        # Under a former name a field is given, too: only its presence under either can be asked for.
        renamed = {former: name for former, name in action.renamed_fields.items() if name in needed}
        for former, name in renamed.items():
            schema["required"].remove(name)
            schema.setdefault("allOf", []).append({"anyOf": [{"required": [name]}, {"required": [former]}]})
        if not schema["required"]:
            del schema["required"]
    if action.renamed_fields:
        schema["patternProperties"] = {
            f"^{former}$": _ref("field", f"Now called `{name}`.") for former, name in action.renamed_fields.items()
        }
    return schema


def _takes(schema: Schema, definitions: Schema) -> str:
    """Say in a phrase which values a payload field takes; empty for any."""
    if "$ref" in schema:
        return _takes(definitions.get(schema["$ref"].rpartition("/")[2], {}), definitions)
    if "enum" in schema:
        return "One of " + ", ".join(f"`{value}`" for value in schema["enum"]) + "."
    if "const" in schema:
        return f"Always `{schema['const']}`."
    choices = [choice for choice in schema.get("anyOf", ()) if choice.get("type") != "null"]
    if len(choices) == 1:
        return _takes(choices[0], definitions)
    kinds = {str(choice.get("type")): None for choice in choices or [schema] if "type" in choice}
    if not kinds or (choices and not all("type" in choice for choice in choices)):
        return ""
    return "Takes " + " or ".join(_KINDS.get(kind, kind) for kind in kinds) + "."


_KINDS = {
    "string": "text", "integer": "a whole number", "number": "a number", "boolean": "true or false",
    "array": "a list", "object": "an object",
}  # fmt: skip


# -- pieces


def _ref(name: str, description: str) -> Schema:
    # Draft 7 sees nothing beside a `$ref`: the description stands outside of it.
    return {"description": description, "allOf": [{"$ref": f"#/$defs/{name}"}]}


def _names(description: str, described: Iterable[tuple[str, str]], also: Iterable[str] = ()) -> Schema:
    """Return an enumeration whose values have descriptions; `also` is accepted and not offered."""
    pairs = list(described)
    offered: Schema = {"enum": [name for name, _ in pairs]}
    # https://code.visualstudio.com/docs/languages/json: other tools pass over the keyword.
    offered["enumDescriptions"] = [text for _, text in pairs]
    accepted = list(also)
    schema = {"anyOf": [offered, *({"pattern": f"^{name}$"} for name in accepted)]} if accepted else offered
    head: Mapping[str, Any] = {"description": description} if description else {}
    return copy.deepcopy({**head, "type": "string", **schema})
