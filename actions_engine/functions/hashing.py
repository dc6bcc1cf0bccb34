"""Digests, encodings and name-based ids.

Digests are of the text in UTF-8, written in lower-case hex; text with a lone surrogate has none and
raises FunctionError.
"""

from __future__ import annotations

import base64
import hashlib
import uuid

from actions_engine.errors import FunctionError

_NAMESPACES = {
    "dns": uuid.NAMESPACE_DNS,
    "url": uuid.NAMESPACE_URL,
    "oid": uuid.NAMESPACE_OID,
    "x500": uuid.NAMESPACE_X500,
}


def sha256(subject: str) -> str:
    """Return the SHA-256 digest."""
    return hashlib.sha256(_bytes(subject)).hexdigest()


def md5(subject: str) -> str:
    """Return the MD5 digest, which some vendors' lookups want; it protects nothing."""
    return hashlib.md5(_bytes(subject), usedforsecurity=False).hexdigest()


def hmac_sha256(subject: str, key: str) -> str:
    """Return the HMAC-SHA256 of the text under a key (RFC 2104)."""
    import hmac  # noqa: PLC0415 - only mappings that sign need it

    return hmac.new(_bytes(key), _bytes(subject), hashlib.sha256).hexdigest()


def base64_encode(subject: str) -> str:
    """Return the text's UTF-8 in Base64 (RFC 4648)."""
    return base64.b64encode(_bytes(subject)).decode()


def base64_decode(subject: str) -> str:
    """Return the UTF-8 text that Base64 stands for.

    Missing padding is forgiven, and the URL-safe alphabet taken too (RFC 4648, section 5).

    Raises:
        FunctionError: it is no Base64, or no UTF-8.
    """
    compact = subject.strip().replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(compact + "=" * (-len(compact) % 4), validate=True).decode()
    except ValueError:
        raise FunctionError("the text is no Base64 of UTF-8 text") from None


def uuid5(subject: str, namespace: str | None = None) -> str:
    """Return the name-based UUID (RFC 9562) of the text.

    Args:
        subject: The name.
        namespace: `dns`, `url` (without it), `oid`, `x500` or a UUID.

    Raises:
        FunctionError: there is no such namespace, or the text holds a lone surrogate.
    """
    space = uuid.NAMESPACE_URL if namespace is None else _NAMESPACES.get(namespace.lower())
    if space is None:
        try:
            space = uuid.UUID(namespace)
        except ValueError:
            raise FunctionError("the namespace is dns, url, oid, x500 or a UUID") from None
    return str(uuid.uuid5(space, _bytes(subject).decode()))


def _bytes(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise FunctionError("the text is no Unicode (a lone surrogate)") from None


FUNCTIONS = (sha256, md5, hmac_sha256, base64_encode, base64_decode, uuid5)
