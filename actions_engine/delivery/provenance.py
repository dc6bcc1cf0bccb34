"""Whose address a request goes to: the owner's, who wrote settings and mappings, or one that an event named."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec.structs import replace

from actions_engine.delivery.transports.contract import SendError
from actions_engine.destination import Settings
from actions_engine.language.expression import Expression
from actions_engine.language.fields import Constant, Items, Record, Template
from actions_engine.mapping import Mapping
from actions_engine.masking import Masker
from actions_engine.outcome import Outcome
from actions_engine.payload import Payload
from actions_engine.request import Request, Secret

# Origins of a plugin's own that are remembered.
_MOST_KNOWN = 1_000


class Provenance:
    """Judges the requests of one destination instance.

    An address is the owner's where it stands in the settings, is a literal of a mapping, or is the plugin's own: where
    it comes from no text of the payload. What an event names is foreign: it is told from private addresses, and sees
    neither the settings' headers nor their secrets.
    """

    def __init__(self, settings: Settings, mappings: Iterable[Mapping]) -> None:
        self._secrets = Masker(settings.secrets())
        owned = [_revealed(value) for value in settings.__dict__.values()]
        owned += [text for mapping in mappings for field in mapping.fields.values() for text in _literals(field)]
        self._known = {origin for text in owned if isinstance(text, str) and (origin := _origin(text))}

    def judge(self, request: Request, payloads: list[Payload]) -> tuple[Request, bool]:
        """Return the request as it may be sent, and whether its address is foreign.

        Raises:
            SendError: it is, and the request cannot be sent without a secret.
        """
        if isinstance(request.url, Secret):
            return request, False
        origin = _origin(request.url)
        if origin in self._known:
            return request, False
        host = origin.partition("://")[2]
        if not any(_names(text, origin, host) for payload in payloads for text in _every_text(payload.body())):
            if len(self._known) < _MOST_KNOWN:
                self._known.add(origin)
            return request, False
        headers = {name: value for name, value in request.headers.items() if not self._is_secret(value)}
        parts = (request.url, request.params, request.json, request.form, request.content)
        if request.basic_auth is not None or any(map(self._is_secret, parts)):
            raise SendError(
                Outcome.rejected("its URL comes from the event: the settings' secrets are not sent there"),
                is_sick=False,
                error_type="request",
            )
        return replace(request, headers=headers), True

    def _is_secret(self, value: Any) -> bool:
        if isinstance(value, Secret):
            return True
        if isinstance(value, bytes):
            value = value.decode(errors="replace")
        if isinstance(value, str):
            return self._secrets.mask(value) != value
        if isinstance(value, dict):
            return any(map(self._is_secret, value.values()))
        return isinstance(value, (list, tuple)) and any(map(self._is_secret, value))


def _revealed(value: Any) -> Any:
    return value.reveal() if isinstance(value, Secret) else value


def _origin(url: str) -> str:
    """Return scheme, host and port of a URL, in small letters and without credentials; empty of other text."""
    scheme, separator, rest = url.partition("://")
    if not separator or len(scheme) > 10:
        return ""
    for end in "/?#\\":
        rest = rest.partition(end)[0]
    return f"{scheme}://{rest.rpartition('@')[2]}".lower()


def _names(text: str, origin: str, host: str) -> bool:
    """Whether a text is a URL of an origin, or the host alone, with its port or without."""
    return _origin(text) == origin or text.lower() in (host, host.rpartition(":")[0] or host)


def _every_text(value: Any) -> Iterator[str]:
    """Yield the texts of plain data, however deep; an action may take its URL from an object of the event's."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            waiting.extend(item.values())
        elif isinstance(item, (list, tuple)):
            waiting.extend(item)


def _literals(field: Any) -> Iterator[str]:
    """Yield the texts that a mapping itself gives a field."""
    match field:
        case Constant(str() as value):
            yield value
        case Template(parts) if parts and isinstance(parts[0], str):
            # What follows a host that is written out cannot change it, unless the text ends before its end.
            if "/" in parts[0].partition("://")[2]:
                yield parts[0]
        case Record(fields):
            for _, inner in fields:
                yield from _literals(inner)
        case Items(items):
            for item in items:
                yield from _literals(item)
        case Expression(tree=tree):
            yield from _literals_of(tree)


def _literals_of(node: Any) -> Iterator[str]:
    if node["type"] == "literal" and isinstance(node["value"], str):
        yield node["value"]
    elif node["type"] in ("or_expression", "and_expression"):
        for child in node["children"]:
            yield from _literals_of(child)
