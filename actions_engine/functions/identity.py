"""People: e-mail addresses and telephone numbers, normalised and hashed as the ad platforms ask.

Source: the customer information parameters of Meta's Conversions API, which Google, TikTok, Snap and Pinterest share:
trim, lower case, telephone numbers in E.164, then SHA-256 in hex.
"""

from __future__ import annotations

import re

from actions_engine.functions.hashing import sha256

_HASHED = re.compile(r"[0-9a-fA-F]{64}")


def normalize_email(subject: str) -> str | None:
    """Return the address trimmed and in lower case; null where it is empty."""
    return subject.strip().lower() or None


def normalize_phone(subject: str, country: str = "") -> str | None:
    """Return the number in E.164, such as `+12055550123`; null where it is no telephone number.

    Args:
        subject: The number; without a leading `+` it is read as one of the country.
        country: Two letters (ISO 3166-1).
    """
    import phonenumbers  # noqa: PLC0415 - its tables take longer to load than all the rest

    try:
        number = phonenumbers.parse(subject, country.strip().upper() or None)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def hash_email(subject: str) -> str | None:
    """Return the SHA-256 of the normalised address; what is such a hash already stays as it is."""
    return _hashed(subject, normalize_email(subject))


def hash_phone(subject: str, country: str = "") -> str | None:
    """Return the SHA-256 of the number's E.164 digits without the `+`; what is such a hash already stays as it is."""
    if _HASHED.fullmatch(subject.strip()):
        return subject.strip().lower()
    number = normalize_phone(subject, country)
    return _hashed(subject, number and number.removeprefix("+"))


def _hashed(given: str, normalised: str | None) -> str | None:
    if _HASHED.fullmatch(given.strip()):
        return given.strip().lower()
    return None if normalised is None else sha256(normalised)


FUNCTIONS = (normalize_email, normalize_phone, hash_email, hash_phone)
