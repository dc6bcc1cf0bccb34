"""Facts about people as the ad platforms compare them: each platform hashes what these rules make of the text.

Source: https://developers.facebook.com/docs/marketing-api/conversions-api/parameters/customer-information-parameters;
TikTok's and Reddit's pages ask for the same.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Any

from actions_engine.functions.hashing import sha256
from actions_engine.functions.identity import normalize_phone
from actions_engine.spec.moments import read_moment

_HASHED = re.compile(r"[0-9a-fA-F]{64}")
_GENDERS = {"f": "f", "female": "f", "woman": "f", "w": "f", "m": "m", "male": "m", "man": "m"}
_US_POSTAL_CODE = re.compile(r"([0-9]{5})(-?[0-9]{4})?")


def hashed(rule: Callable[[Any], str | None]) -> Callable[[Any], str | None]:
    """Return what hashes by a rule; a SHA-256 in hex already stays as it is, in lower case."""

    def hash_by_rule(subject: Any) -> str | None:
        if isinstance(subject, str) and _HASHED.fullmatch(subject.strip()):
            return subject.strip().lower()
        text = rule(subject)
        return None if text is None else sha256(text)

    return hash_by_rule


def name(subject: str) -> str | None:
    """Return a name in lower case without spaces around it and without punctuation; null where nothing is left."""
    return _letters(subject, keep=" ").strip() or None


def city(subject: str) -> str | None:
    """Return a city in lower case without spaces, punctuation and digits: `newyork`."""
    return _letters(subject) or None


def state(subject: str) -> str | None:
    """Return a state in lower case without spaces and punctuation; of a code such as `US-CA` the part that names it."""
    code = re.fullmatch(r"[A-Za-z]{2}-([A-Za-z0-9]{1,3})", subject.strip())
    return _letters(code[1] if code else subject, digits=True) or None


def postal_code(subject: str | int) -> str | None:
    """Return a postal code in lower case without spaces and dashes; of one of the United States its five digits."""
    text = str(subject).strip().lower()
    if us := _US_POSTAL_CODE.fullmatch(text):
        return us[1]
    return re.sub(r"[\s-]", "", text) or None


def country(subject: str) -> str | None:
    """Return a country's two letters in lower case; null of anything else."""
    text = subject.strip().lower()
    return text if re.fullmatch("[a-z]{2}", text) else None


def gender(subject: str) -> str | None:
    """Return `f` or `m`; null of anything else."""
    return _GENDERS.get(subject.strip().lower())


def birthday(subject: str | float) -> str | None:
    """Return a date of birth as `YYYYMMDD`; null where it is no date."""
    if isinstance(subject, str):
        text = subject.strip()
        # Eight digits are the platforms' own form.
        moment = read_moment(text)
        american = re.fullmatch(r"(\d{1,2})/(\d{1,2})/(\d{4})", text)
        if american and int(american[1]) <= 12 and int(american[2]) <= 31:
            return f"{american[3]}{int(american[1]):02d}{int(american[2]):02d}"
        return moment.strftime("%Y%m%d") if moment else None
    whole = f"{subject:.0f}"
    return whole if re.fullmatch(r"(19|20)\d{6}", whole) else None


def hash_plus_phone(subject: str | float) -> str | None:
    """Return the SHA-256 of a telephone number in E.164, its plus included; such a hash stays as it is."""
    return hashed(normalize_phone)(subject)


def _letters(text: str, *, keep: str = "", digits: bool = False) -> str:
    """Return a text's letters in lower case."""
    folded = unicodedata.normalize("NFC", text).strip().lower()
    return "".join(
        char
        for char in folded
        if char.isalpha() or char in keep or (digits and char.isdigit()) or unicodedata.combining(char)
    )
