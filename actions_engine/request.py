"""Request and Response: what is said to a destination and what it answers, as values.

A plugin builds a request and never sends it, so that a test looks at a value and `--requests` shows one. A secret
inside stays masked in every form but the one that a transport asks for.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Self
from urllib.parse import quote, urlencode

import msgspec
from msgspec.structs import astuple, replace
from pydantic import SecretStr

from actions_engine.masking import MASK, Masker


class Secret(SecretStr):
    """A setting that must not be seen: it masks itself in every print, log, dump and error.

    Put it into a request as it is. To build a longer text around it, use `into`; to compute with it (a signature),
    `reveal`. Formatting it into text raises, because the text would hold the mask in place of the secret.
    """

    def reveal(self) -> str:
        """Return the secret itself, for a computation such as a signature."""
        return self.get_secret_value()

    def into(self, template: str) -> Secret:
        """Return a secret made of `template` with `{}` replaced, such as `"Bearer {}"`."""
        return Secret(template.replace("{}", self.reveal(), 1))

    def bearer(self) -> dict[str, Text]:
        """Return the header that presents it as a bearer token (RFC 6750, 2.1)."""
        return {"Authorization": self.into("Bearer {}")}

    def __format__(self, spec: str) -> str:
        raise TypeError('a secret cannot be formatted into text: use secret.into("Bearer {}"), or secret.reveal()')


Text = str | Secret


def compact(values: Mapping[str, Any] | None = None, /, **more: Any) -> dict[str, Any]:
    """Return the entries that have a value: those of a mapping, then those given by name, without None."""
    given = more if values is None else {**values, **more}
    return {name: value for name, value in given.items() if value is not None}


def encode_json(value: Any, *, is_strict: bool = False) -> bytes:
    """Encode as JSON in UTF-8, key order kept, integers of any size exact, secrets revealed.

    Args:
        value: What to encode.
        is_strict: Whether text that is no Unicode is refused; else U+FFFD takes the place of lone surrogates.

    Raises:
        ValueError: the value is no JSON: it is too deep, or a number has too many digits.
        TypeError: it holds an object that JSON does not know.
    """
    try:
        return _ENCODER.encode(value)
    except RecursionError:
        raise ValueError("the value is nested too deeply to be written as JSON") from None
    except UnicodeEncodeError:
        # A lone surrogate is no text: its place is taken by the character that says so.
        if is_strict:
            raise ValueError("the value holds text that is no Unicode (a lone surrogate)") from None
        return _ENCODER.encode(_with_text(value))
    except ValueError as error:
        if "integer string conversion" in str(error):
            raise ValueError("the value holds a number of more than 4,300 digits") from None
        raise


def _with_text(value: Any, depth: int = 0) -> Any:
    """Return a value whose texts are Unicode."""
    if depth > _DEEPEST:
        raise ValueError("the value is nested too deeply to be written as JSON")
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_with_text(name, depth): _with_text(item, depth + 1) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_with_text(item, depth + 1) for item in value]
    if isinstance(value, SecretStr):
        return _with_text(value.get_secret_value())
    return _with_text(value.body(), depth + 1) if hasattr(value, "body") else value


_SURROGATE = re.compile("[\ud800-\udfff]")
_DEEPEST = 500


def _reveal(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if hasattr(value, "body"):
        return value.body()
    # A subclass is what it is made of: an enumeration's text, a host's own kind of number.
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


_ENCODER = msgspec.json.Encoder(enc_hook=_reveal, decimal_format="number")


class Request(msgspec.Struct, frozen=True, eq=False):
    """One message to a destination; for most an HTTP request.

    Attributes:
        method: The HTTP method, or a verb of the destination's own transport.
        url: Absolute.
        headers: By name; Content-Type and Authorization follow from the other attributes.
        params: Appended to the URL as its query.
        json: The body as JSON; a Secret inside is revealed to the transport alone.
        form: The body as application/x-www-form-urlencoded.
        content: The body as it stands.
        basic_auth: User name and password.
        secrets: What `as_dict` masks wherever its text occurs; the engine puts the settings' secrets here.
    """

    method: str
    url: Text
    headers: Mapping[str, Text] = msgspec.field(default_factory=dict)
    params: Mapping[str, Text] = msgspec.field(default_factory=dict)
    json: Any = None
    form: Mapping[str, Text] | None = None
    content: bytes | None = None
    basic_auth: tuple[Text, Text] | None = None
    secrets: tuple[Secret, ...] = ()

    def __post_init__(self) -> None:
        if (self.json is not None) + (self.form is not None) + (self.content is not None) > 1:
            raise ValueError("a request has one body: json, form or content")

    def __eq__(self, other: object) -> bool:
        # What is masked in print makes no other request.
        if not isinstance(other, Request):
            return NotImplemented
        return astuple(replace(self, secrets=())) == astuple(replace(other, secrets=()))

    __hash__ = None  # type: ignore[assignment]  # it holds dicts

    @classmethod
    def get(cls, url: Text, **rest: Any) -> Self:
        """Build a GET request; see the class for the arguments."""
        return cls("GET", url, **rest)

    @classmethod
    def post(cls, url: Text, **rest: Any) -> Self:
        """Build a POST request; see the class for the arguments."""
        return cls("POST", url, **rest)

    @classmethod
    def put(cls, url: Text, **rest: Any) -> Self:
        """Build a PUT request; see the class for the arguments."""
        return cls("PUT", url, **rest)

    @classmethod
    def patch(cls, url: Text, **rest: Any) -> Self:
        """Build a PATCH request; see the class for the arguments."""
        return cls("PATCH", url, **rest)

    @classmethod
    def delete(cls, url: Text, **rest: Any) -> Self:
        """Build a DELETE request; see the class for the arguments."""
        return cls("DELETE", url, **rest)

    def with_secrets(self, secrets: tuple[Secret, ...]) -> Self:
        """Return the same request, masking these texts too."""
        return replace(self, secrets=secrets)

    def body(self) -> bytes | None:
        """Return the body's bytes, secrets revealed: for transports.

        Raises:
            ValueError: the body cannot be written as JSON.
        """
        if self.json is not None:
            return encode_json(self.json)
        if self.form is not None:
            return urlencode({name: _plain(value) for name, value in self.form.items()}).encode()
        return self.content

    def full_url(self) -> str:
        """Return the URL with its query, secrets revealed: for transports.

        Raises:
            ValueError: it holds a control character, or a path that leads out of itself.
        """
        url = _plain(self.url)
        if not _VISIBLE.fullmatch(url):
            if not url.isprintable():
                raise ValueError("the URL holds a character that does not belong into one, such as a line break")
            url = quoted(url)
        # An id of `..` in a path would make it another path, at a proxy or at the vendor.
        if ("/." in url or "/%2" in url) and (found := _DOT_SEGMENT.search(url.partition("?")[0].partition("#")[0])):
            raise ValueError(f"the path of the URL holds the step {found[1]!r}, which leads out of it")
        if not self.params:
            return url
        query = urlencode({name: _plain(value) for name, value in self.params.items()})
        return f"{url}{'&' if '?' in url else '?'}{query}"

    def full_headers(self) -> dict[str, str]:
        """Return the headers with Content-Type and Authorization, secrets revealed: for transports.

        Raises:
            ValueError: a name is none, or is the transport's own, or a value holds a control character.
        """
        headers = {}
        if self.json is not None:
            headers["Content-Type"] = "application/json"
        elif self.form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        if self.basic_auth is not None:
            user, password = self.basic_auth
            credentials = f"{_plain(user)}:{_plain(password)}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(credentials).decode()}"
        for name, value in self.headers.items():
            _check_name(name)
            text = _plain(value)
            if not text.isprintable() and _CONTROL.search(text):
                raise ValueError(f"the header {name} holds a character that does not belong into one")
            headers[name] = text
        return headers

    def as_dict(self) -> dict[str, Any]:
        """Return the request as plain data for people and logs, every secret masked."""
        shown: dict[str, Any] = {"method": self.method, "url": self.url}
        if self.params:
            shown["params"] = dict(self.params)
        headers: dict[str, Any] = {name: self.headers.get(name, value) for name, value in self.full_headers().items()}
        if self.basic_auth is not None and "Authorization" not in self.headers:
            headers["Authorization"] = f"Basic {MASK}"
        if headers:
            shown["headers"] = headers
        if self.json is not None:
            shown["json"] = self.json
        elif self.form is not None:
            shown["form"] = dict(self.form)
        elif self.content is not None:
            shown["content"] = self.content.decode(errors="replace")
        masked: dict[str, Any] = Masker(self.secrets).masked(shown)
        return masked


def quoted(url: str) -> str:
    """Return a URL with its blanks and letters beyond ASCII quoted, and nothing that was quoted quoted again.

    Source: https://www.rfc-editor.org/rfc/rfc3986#section-2
    """
    return quote(url, safe="%/:?#[]@!$&'()*+,;=~")


_VISIBLE = re.compile(r"[!-~]*")
_DOT_SEGMENT = re.compile(r"/((?:\.|%2e){1,2})(?=/|$)", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
# https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
#: Headers that say where a message ends and whom it goes to: the transport's alone.
_FRAMING = frozenset({
    "connection", "content-length", "expect", "host", "keep-alive", "proxy-authorization", "proxy-connection", "te",
    "trailer", "transfer-encoding", "upgrade",
})  # fmt: skip


@lru_cache(maxsize=1_000)
def _check_name(name: Any) -> None:
    if not isinstance(name, str) or not _TOKEN.fullmatch(name):
        raise ValueError(f"{str(name)[:60]!r} is no name of a header")
    if name.lower() in _FRAMING:
        raise ValueError(f"the header {name} is the transport's own")


def _plain(value: Text) -> str:
    return value.reveal() if isinstance(value, Secret) else str(value)


class Response(msgspec.Struct, frozen=True):
    """A destination's answer.

    Attributes:
        status: The HTTP status, or its nearest likeness from another transport.
        headers: By name in lower case.
        body: The whole body, or its beginning where it was cut.
        is_cut: Whether the answer was longer than is read: what its end says is not known.
    """

    status: int
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    body: bytes = b""
    is_cut: bool = False

    def json(self) -> Any:
        """Return the body read as JSON.

        Raises:
            ValueError: it is not JSON, or its end was cut off.
        """
        if self.is_cut:
            raise ValueError(f"the answer was cut off after {len(self.body):,} bytes")
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, RecursionError) as error:
            raise ValueError(f"the answer is not JSON: {error}") from None

    def json_object(self) -> dict[str, Any]:
        """Return the body read as a JSON object; an empty one where it is none, whatever it is.

        Raises:
            ValueError: its end was cut off: an empty object would say that nothing was refused. Delivery knows what to
                do then, a plugin need not catch it.
        """
        try:
            answer = self.json()
        except ValueError:
            if self.is_cut:
                raise
            return {}
        return answer if isinstance(answer, dict) else {}
