"""Text: the string functions of JMESPath Community's JEP-014, and URLs."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from actions_engine.errors import FunctionError

# Characters of a result that is longer than its subject: a list of them must still fit in memory.
MAX_LENGTH = 100_000
MAX_WIDTH = 1_000


def lower(subject: str) -> str:
    """Return the text in lower case."""
    return subject.lower()


def upper(subject: str) -> str:
    """Return the text in upper case."""
    return subject.upper()


def trim(subject: str, characters: str | None = None) -> str:
    """Remove white space, or these characters, from both ends."""
    return subject.strip(characters or None)


def trim_left(subject: str, characters: str | None = None) -> str:
    """Remove white space, or these characters, from the start."""
    return subject.lstrip(characters or None)


def trim_right(subject: str, characters: str | None = None) -> str:
    """Remove white space, or these characters, from the end."""
    return subject.rstrip(characters or None)


def pad_left(subject: str, width: int, pad: str | None = None) -> str:
    """Add spaces, or another character, to the start until the text has `width` characters.

    Raises:
        FunctionError: `width` is no whole number from 0 to 1,000, or `pad` is no single character.
    """
    return subject.rjust(_width(width), _single(pad))


def pad_right(subject: str, width: int, pad: str | None = None) -> str:
    """Add spaces, or another character, to the end until the text has `width` characters.

    Raises:
        FunctionError: `width` is no whole number from 0 to 1,000, or `pad` is no single character.
    """
    return subject.ljust(_width(width), _single(pad))


def split(subject: str, separator: str, count: int | None = None) -> list[str]:
    """Split the text at a separator, at most `count` times; an empty separator splits it into characters.

    Raises:
        FunctionError: `count` is no whole number, 0 or more.
    """
    limit = -1 if count is None else _whole(count, "count")
    if separator:
        return subject.split(separator, limit)
    if limit < 0 or limit >= len(subject):
        return list(subject)
    return [*subject[:limit], subject[limit:]]


def replace(subject: str, old: str, new: str, count: int | None = None) -> str:
    """Replace each occurrence of `old`, or the first `count` of them.

    Raises:
        FunctionError: the result would be longer than 100,000 characters and than the subject, or `count` is
            no whole number, 0 or more.
    """
    limit = -1 if count is None else _whole(count, "count")
    occurrences = subject.count(old) if limit < 0 else min(limit, subject.count(old))
    if len(subject) + occurrences * (len(new) - len(old)) > max(MAX_LENGTH, len(subject)):
        raise FunctionError(f"the result would be longer than {MAX_LENGTH:,} characters")
    return subject.replace(old, new, limit)


def find_first(subject: str, part: str, start: int | None = None, end: int | None = None) -> int | None:
    """Return the place of the first occurrence, from 0; null where there is none.

    Args:
        subject: The text to look in.
        part: The text to look for; an empty one is never found.
        start: Where to begin, in characters; a negative one counts from the end.
        end: Where to stop, likewise; the part must end before it.

    Raises:
        FunctionError: `start` or `end` is no whole number.
    """
    place = subject.find(part, *_range(subject, start, end))
    return None if place < 0 or not part else place


def find_last(subject: str, part: str, start: int | None = None, end: int | None = None) -> int | None:
    """Return the place of the last occurrence, from 0; null where there is none.

    The arguments are those of `find_first`.

    Raises:
        FunctionError: `start` or `end` is no whole number.
    """
    place = subject.rfind(part, *_range(subject, start, end))
    return None if place < 0 or not part else place


def url_encode(subject: str) -> str:
    """Percent-encode the text for one part of a URL (RFC 3986): all but letters, digits and `-._~`.

    Raises:
        FunctionError: the text holds a lone surrogate.
    """
    try:
        return quote(subject, safe="")
    except UnicodeEncodeError:
        raise FunctionError("the text is no Unicode (a lone surrogate)") from None


def url_parameter(url: str, name: str) -> str | None:
    """Return the first value of a parameter in a URL's query, decoded; null where it is not there.

    Raises:
        FunctionError: the text is no URL, or its query has more than 1,000 parameters.
    """
    try:
        values = parse_qs(urlsplit(url).query, keep_blank_values=True, max_num_fields=1000).get(name)
    except ValueError:
        raise FunctionError("the text is no URL, or one with more than 1,000 parameters") from None
    return values[0] if values else None


def escape_markup(subject: Any) -> str | None:
    """Return text whose `&`, `<` and `>` mean themselves where a vendor reads markup; of other values their JSON."""
    if subject is None:
        return None
    text = subject if isinstance(subject, str) else json.dumps(subject, ensure_ascii=False, separators=(",", ":"))
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _whole(number: float, name: str, *, negative: bool = False) -> int:
    if not float(number).is_integer() or (number < 0 and not negative):
        raise FunctionError(f"{name} must be a whole number{'' if negative else ', 0 or more'}")
    return int(number)


def _range(subject: str, start: int | None, end: int | None) -> tuple[int, int]:
    first = 0 if start is None else _whole(start, "start", negative=True)
    last = len(subject) if end is None else _whole(end, "end", negative=True)
    return first, last


def _width(number: int) -> int:
    if _whole(number, "width") > MAX_WIDTH:
        raise FunctionError(f"width must be {MAX_WIDTH:,} at most")
    return int(number)


def _single(pad: str | None) -> str:
    if pad is not None and len(pad) != 1:
        raise FunctionError("pad must be a single character")
    return pad or " "


FUNCTIONS = (
    escape_markup,
    lower,
    upper,
    trim,
    trim_left,
    trim_right,
    pad_left,
    pad_right,
    split,
    replace,
    find_first,
    find_last,
    url_encode,
    url_parameter,
)
