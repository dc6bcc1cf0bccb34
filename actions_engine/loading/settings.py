"""A mapping file's settings, `${VAR}` taken from the environment -> the destination's settings model."""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from actions_engine.destination import Destination, Settings
from actions_engine.language.keys import FILE_KEYS
from actions_engine.loading.environment import expand
from actions_engine.loading.secrecy import CREDENTIALS, clear_texts
from actions_engine.loading.source import Node, Source
from actions_engine.request import Secret
from actions_engine.wording import did_you_mean


def read_settings(source: Source, root: Node, destination: Destination, environ: Mapping[str, str]) -> Settings | None:
    """Read a file's settings; problems go to `source`, and None is returned where there was one."""
    node = root.value.get("settings")
    place = node or root
    if node is not None and not node.is_mapping:
        source.problem("settings-shape", f"settings are a mapping, not {node.kind()}", node)
        return None
    if node is not None:
        _hide_secrets(source, node, destination)
    before = sum(problem.severity == "error" for problem in source.problems)
    values = {} if node is None else {key: expand(source, item, environ) for key, item in node.value.items()}
    if sum(problem.severity == "error" for problem in source.problems) > before:
        return None
    try:
        settings = destination.settings.model_validate(values)
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_input=False, include_context=False):
            _settings_problem(source, place, destination, fault)
        return None
    return settings


def _hide_secrets(source: Source, node: Node, destination: Destination) -> None:
    """Warn of secrets that stand in the file itself, and keep them out of every message about it."""
    fields = destination.settings.model_fields
    for name, item in node.value.items():
        # What is no setting may well be a misspelt secret: it is not shown either.
        is_secret = name in fields and _is_secret(fields[name].annotation)
        for scalar in _scalars(item):
            for text in clear_texts(scalar) if is_secret or name not in fields else ():
                source.hide(text)
            if is_secret and any(clear_texts(scalar)) and not _is_open_address(str(scalar.value)):
                _warn(source, scalar, "a secret stands in the file for everybody to read")
            elif not is_secret and CREDENTIALS.search(str(scalar.value)):
                _warn(source, scalar, "a URL with a password stands in the file for everybody to read")


def _is_open_address(text: str) -> bool:
    """Whether this is a database's address without a password, which is no secret."""
    scheme, _, rest = text.partition("://")
    return (
        scheme.partition("+")[0] in ("sqlite", "postgresql", "postgres", "mysql") and ":" not in rest.partition("@")[0]
    )


def _warn(source: Source, scalar: Node, message: str) -> None:
    hint = "keep it in the environment and write ${NAME} here"
    source.problem("secret-in-clear", message, scalar, severity="warning", hint=hint)


def _is_secret(annotation: Any) -> bool:
    if annotation is Secret:
        return True
    return any(_is_secret(part) for part in typing.get_args(annotation))


def _scalars(node: Node) -> Iterator[Node]:
    if node.is_mapping:
        for item in node.value.values():
            yield from _scalars(item)
    elif node.is_list:
        for item in node.value:
            yield from _scalars(item)
    else:
        yield node


def _settings_problem(source: Source, place: Node, destination: Destination, fault: Any) -> None:
    name = str(fault["loc"][0]) if fault["loc"] else ""
    known = destination.settings.model_fields
    if fault["type"] == "extra_forbidden":
        source.problem(
            "unknown-setting",
            f"{destination.name} has no setting {name!r}",
            place.keys[name],
            hint=f"`{name}:` stands at the top level of the file, in the column of `settings:`"
            if name in FILE_KEYS
            else did_you_mean(name, known),
        )
    elif fault["type"] == "missing":
        source.problem(
            "missing-setting",
            f"{destination.name} needs the setting {name!r}",
            place,
            hint=f"add `{name}:` beneath `settings:`",
        )
    else:
        at = place.value.get(name, place) if place.is_mapping else place
        dotted = ".".join(str(part) for part in fault["loc"])
        # pydantic's own words for what was expected; the value itself may be a secret.
        source.problem("setting-value", f"setting {dotted!r}: {fault['msg']}", at)
