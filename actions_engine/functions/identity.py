"""People: e-mail addresses and telephone numbers, normalised and hashed as the ad platforms ask.

Source: the customer information parameters of Meta's Conversions API: trim, lower case, telephone numbers
with their country code, digits alone, then SHA-256 in hex. Platforms that want the `+` of E.164 in the hash take
`sha256(normalize_phone(phone))`.
"""

from __future__ import annotations

import re
from typing import Any

from actions_engine.functions.hashing import sha256

_HASHED = re.compile(r"[0-9a-fA-F]{64}")
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")
_COUNTRY = re.compile(r"(?:^|[-_])([A-Za-z]{2})$")


def normalize_email(subject: str) -> str | None:
    """Return the address trimmed and in lower case; null where it is none."""
    address = subject.strip().lower()
    return address if _ADDRESS.fullmatch(address) else None


def normalize_phone(subject: str | int | float, *countries: str | None) -> str | None:
    """Return the number in E.164, such as `+12055550123`; null where it is no telephone number.

    Args:
        subject: The number, as text or as a number; without a leading `+` it is read as one of the first country that
            it is possible in, or with the country code in front.
        countries: Two letters (ISO 3166-1), or a locale that ends with them, such as `de-AT`; others are passed over.
    """
    import phonenumbers  # noqa: PLC0415 - its tables take longer to load than all the rest

    text = _digits(subject)
    regions = [match[1].upper() for country in countries if country and (match := _COUNTRY.search(country.strip()))]
    for region in [None] if text.startswith("+") else regions:
        if number := _possible(phonenumbers, text, region):
            return number
    # Digits that begin with a country code, the plus lost on the way: a spreadsheet's, or a number's.
    digits = re.sub(r"[^0-9]", "", text)
    return (
        _possible(phonenumbers, f"+{digits}", None) if len(digits) >= _MIN_DIGITS and not text.startswith("0") else None
    )


# Shorter ones are taken for national.
_MIN_DIGITS = 11


def _digits(subject: str | float) -> str:
    if isinstance(subject, str):
        text = subject.strip()
        return f"+{text[2:]}" if text.startswith("00") else text
    return f"{subject:.0f}" if abs(subject) < 10**20 else ""


def _possible(phonenumbers: Any, text: str, region: str | None) -> str | None:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def hash_email(subject: str) -> str | None:
    """Return the SHA-256 of the normalised address; what is such a hash already stays as it is.

    Raises:
        FunctionError: the text holds a lone surrogate.
    """
    if _HASHED.fullmatch(subject.strip()):
        return subject.strip().lower()
    address = normalize_email(subject)
    return None if address is None else sha256(address)


def hash_phone(subject: str | int | float, *countries: str | None) -> str | None:
    """Return the SHA-256 of the number's E.164 digits without the `+`; such a hash stays as it is.

    The arguments are those of `normalize_phone`; null where it gives null.
    """
    if isinstance(subject, str) and _HASHED.fullmatch(subject.strip()):
        return subject.strip().lower()
    number = normalize_phone(subject, *countries)
    return None if number is None else sha256(number.removeprefix("+"))


def hash_text(subject: str | int) -> str | None:
    """Return the SHA-256 of any other text about a person, trimmed and in lower case; such a hash stays as it is.

    Null where the text is empty.

    Raises:
        FunctionError: the text holds a lone surrogate.
    """
    text = str(subject).strip().lower()
    return text if _HASHED.fullmatch(text) else sha256(text) if text else None


FUNCTIONS = (normalize_email, normalize_phone, hash_email, hash_phone, hash_text)
