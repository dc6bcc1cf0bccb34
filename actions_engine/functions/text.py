"""Text: the string functions of JMESPath Community's JEP-014, and URLs."""

from __future__ import annotations

from urllib.parse import parse_qs, quote, urlsplit

MAX_LENGTH = 1_000_000


def lower(subject: str) -> str:
    """Return the text in lower case."""
    return subject.lower()


def upper(subject: str) -> str:
    """Return the text in upper case."""
    return subject.upper()


def trim(subject: str, characters: str = "") -> str:
    """Remove white space, or these characters, from both ends."""
    return subject.strip(characters or None)


def trim_left(subject: str, characters: str = "") -> str:
    """Remove white space, or these characters, from the start."""
    return subject.lstrip(characters or None)


def trim_right(subject: str, characters: str = "") -> str:
    """Remove white space, or these characters, from the end."""
    return subject.rstrip(characters or None)


def split(subject: str, separator: str, count: int | None = None) -> list[str]:
    """Split the text at a separator, at most `count` times; an empty separator splits it into characters."""
    limit = -1 if count is None else _whole(count, "count")
    if separator:
        return subject.split(separator, limit)
    if limit < 0 or limit >= len(subject):
        return list(subject)
    return [*subject[:limit], subject[limit:]]


def replace(subject: str, old: str, new: str, count: int | None = None) -> str:
    """Replace each occurrence of `old`, or the first `count` of them.

    Raises:
        ValueError: the result would be longer than 1,000,000 characters.
    """
    limit = -1 if count is None else _whole(count, "count")
    occurrences = subject.count(old) if limit < 0 else min(limit, subject.count(old))
    if len(subject) + occurrences * (len(new) - len(old)) > max(MAX_LENGTH, len(subject)):
        raise ValueError(f"the result would be longer than {MAX_LENGTH:,} characters")
    return subject.replace(old, new, limit)


def find_first(subject: str, part: str, start: int | None = None, end: int | None = None) -> int | None:
    """Return the place of the first occurrence, from 0; null where there is none."""
    first = 0 if start is None else _whole(start, "start", negative=True)
    last = len(subject) if end is None else _whole(end, "end", negative=True)
    place = subject.find(part, first, last)
    return None if place < 0 or not part else place


def url_encode(subject: str) -> str:
    """Percent-encode the text for one part of a URL (RFC 3986): all but letters, digits and `-._~`."""
    return quote(subject, safe="")


def url_parameter(url: str, name: str) -> str | None:
    """Return the first value of a parameter in a URL's query, decoded; null where it is not there."""
    values = parse_qs(urlsplit(url).query, keep_blank_values=True, max_num_fields=1000).get(name)
    return values[0] if values else None


def _whole(number: float, name: str, *, negative: bool = False) -> int:
    if number != int(number) or (number < 0 and not negative):
        raise ValueError(f"{name} must be a whole number{'' if negative else ', 0 or more'}")
    return int(number)


FUNCTIONS = (lower, upper, trim, trim_left, trim_right, split, replace, find_first, url_encode, url_parameter)
