"""Secrets in text from elsewhere: found in every form in which a vendor, a library or a plugin may echo them."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus, unquote, urlsplit

from pydantic import SecretStr

MASK = "**********"
# A shorter text would be found inside ordinary words, and masking it would garble the rest.
_MIN_MASKED = 4
# A piece of a secret URL's path that is long enough to be a token.
_MIN_SEGMENT = 8
# Names of headers, parameters and fields that hold a secret.
SECRET_NAME = re.compile(
    r"(^|[-_.])(key|apikey|token|secret|password|passwd|pwd|credentials?|auth|authorization|cookie|dsn|signature)($|[-_.])"
    r"|(Key|Token|Secret|Password)$",
    re.IGNORECASE,
)
# Secret by their names' sound, and known to everybody.
_HARMLESS = frozenset({"idempotency-key", "x-idempotency-key"})


class Masker:
    """Replaces secrets in texts.

    Args:
        secrets: The secrets as they are; each is masked in all the forms that follow from it.
    """

    def __init__(self, secrets: Iterable[SecretStr | str] = ()) -> None:
        self._secrets = {text for secret in secrets if (text := _revealed(secret))}
        self._forms: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self._is_ready = False

    def with_requests(self, requests: Iterable[Any]) -> Masker:
        """Return one that masks what requests carried of secrets too, such as a token fetched in a first step."""
        masker = Masker()
        masker._secrets = set(self._secrets)
        masker._forms = set(self._forms)
        for request in requests:
            masker._learn(request)
        return masker

    def mask(self, text: str) -> str:
        """Return a text in which no form of a secret is left."""
        if not self._is_ready:
            self._prepare()
        return text if self._pattern is None else self._pattern.sub(MASK, text)

    def masked(self, value: Any) -> Any:
        """Return plain data in which every text is masked, and every secret a mask."""
        if isinstance(value, SecretStr):
            return MASK
        if isinstance(value, str):
            return self.mask(value)
        if isinstance(value, Mapping):
            return {self.masked(name): self.masked(item) for name, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.masked(item) for item in value]
        return self.masked(value.body()) if hasattr(value, "body") else value

    def _learn(self, request: Any) -> None:
        """Take in a request's secrets: those among its parts, credentials, what stands under a secret's name."""
        parts = (request.url, request.headers, request.params, request.json, request.form)
        self._secrets.update(_revealed(secret) for part in parts for secret in _secrets_in(part))
        for names in (request.headers, request.params):
            for name, value in names.items():
                if SECRET_NAME.search(str(name)) and str(name).lower() not in _HARMLESS:
                    text = _revealed(value)
                    self._secrets.add(text)
                    # The credential behind the scheme: `Bearer …`.
                    self._secrets.add(text.rpartition(" ")[2])
        if request.basic_auth is not None:
            user, password = map(_revealed, request.basic_auth)
            self._secrets.add(password)
            if isinstance(request.basic_auth[0], SecretStr):
                self._secrets.add(user)
            self._forms.add(base64.b64encode(f"{user}:{password}".encode(errors="replace")).decode())
        self._is_ready = False

    def _prepare(self) -> None:
        forms = set(self._forms)
        for secret in self._secrets:
            forms.update(_forms(secret))
        kept = sorted((form for form in forms if len(form) >= _MIN_MASKED), key=lambda form: (-len(form), form))
        self._pattern = re.compile("|".join(map(re.escape, kept))) if kept else None
        self._is_ready = True


def _revealed(secret: Any) -> str:
    return secret.get_secret_value() if isinstance(secret, SecretStr) else str(secret)


def _secrets_in(value: Any) -> Iterator[SecretStr]:
    if isinstance(value, SecretStr):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _secrets_in(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _secrets_in(item)


def _forms(secret: str) -> Iterator[str]:
    """Yield a secret as it may be echoed; of a URL its parts, each in the same forms."""
    if len(secret) < _MIN_MASKED:
        return
    yield from _spellings(secret)
    if "://" in secret:
        for part in _url_parts(secret):
            yield from _spellings(part)


def _url_parts(url: str) -> Iterator[str]:
    """Yield the parts of a secret URL that a page of the vendor's may name: `Cannot POST /services/T0/B0/xyz`."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return
    # Credentials may hold what ends an authority, such as `/` and `@`, where nobody quoted them.
    credentials = re.search(r"://[^:/@]*:(.*)@", url)
    for password in (parts.password, credentials[1] if credentials else None):
        if password:
            yield password
            yield unquote(password)
    if len(parts.path) >= _MIN_MASKED:
        yield parts.path
        yield parts.path.rstrip("/")
    if parts.query:
        yield parts.query
        yield f"{parts.path}?{parts.query}"
        yield from (value for pair in parts.query.split("&") if len(value := pair.partition("=")[2]) >= _MIN_SEGMENT)
    yield from (segment for segment in parts.path.split("/") if len(segment) >= _MIN_SEGMENT)


def _spellings(text: str) -> Iterator[str]:
    if len(text) < _MIN_MASKED:
        return
    yield text
    raw = text.encode(errors="surrogatepass")
    yield from (quote(raw, safe=""), quote(raw), quote_plus(raw), unquote(text))
    for plain in (raw, b":" + raw, raw + b":"):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            encoded = encode(plain).decode()
            # Without its padding, and without the last character, which another text behind it would change.
            yield from (encoded, encoded.rstrip("="))
    yield from (raw.hex(), raw.hex().upper(), html.escape(text), json.dumps(text)[1:-1], repr(text)[1:-1])
    yield json.dumps(text, ensure_ascii=False)[1:-1].replace("/", "\\/")
    if len(text) >= 12:
        yield from (text.lower(), text.upper())
