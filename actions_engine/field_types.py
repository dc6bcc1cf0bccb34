"""Types of payload fields that many destinations share, so that no plugin writes them again.

    class Purchase(Payload):
        email: Annotated[HashedEmail | None, From("context.traits.email")] = None
        currency: Annotated[Currency | None, From("properties.currency")] = None
        time: Annotated[UnixSeconds | None, From("timestamp")] = None
        products: Annotated[list[Product] | None, From("properties.products")] = None

A value that cannot become what the type says is left out, with a note for the analyst; or rejects the call, where the
field is required or the type `Exact`. plugins/README.md has the table of what each reads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints

from actions_engine.errors import FunctionError
from actions_engine.functions import dates, identity, personal
from actions_engine.language.blank import is_blank
from actions_engine.payload import Exact, Part
from actions_engine.payload_schema import CURRENCY_PATTERN


def _by(function: Callable[[Any], Any], types: type | tuple[type, ...], expected: str) -> BeforeValidator:
    """Return a validator that converts by a function of the language."""

    def convert(value: Any) -> Any:
        if value is None:
            return None
        if is_blank(value):
            # Of a part, whose text nobody looked at before.
            raise ValueError(f"expected {expected}")
        if isinstance(value, bool) or not isinstance(value, types):
            raise ValueError(f"expected {expected}")  # noqa: TRY004 - pydantic takes ValueError alone
        try:
            converted = function(value)
        except FunctionError:
            converted = None
        if converted is None:
            raise ValueError(f"expected {expected}")
        return converted

    return BeforeValidator(convert)


_PHONE = "a telephone number with its country code, such as +12055550123"
_MOMENT = "a date and time, such as 2015-12-12T19:11:01.249Z"

#: An e-mail address, trimmed and in lower case.
Email = Annotated[str, _by(identity.normalize_email, str, "an e-mail address")]
#: The SHA-256 of a normalised e-mail address, as the ad platforms match; a hash stays as it is.
HashedEmail = Annotated[str, _by(identity.hash_email, str, "an e-mail address or its SHA-256")]
#: A telephone number in E.164, such as `+12055550123`; text or a number. `Fact.PHONE_NUMBER` adds its country.
Phone = Annotated[str, _by(identity.normalize_phone, (str, int, float), _PHONE)]
#: The SHA-256 of a telephone number's digits, country code included; a hash stays as it is.
HashedPhone = Annotated[str, _by(identity.hash_phone, (str, int, float), f"{_PHONE}, or its SHA-256")]
#: The SHA-256 of a telephone number in E.164 with its plus, as TikTok and Reddit match; a hash stays as it is.
HashedPlusPhone = Annotated[str, _by(personal.hash_plus_phone, (str, int, float), f"{_PHONE}, or its SHA-256")]
#: The SHA-256 of any other text about a person, trimmed and in lower case; a hash stays as it is.
HashedText = Annotated[str, _by(identity.hash_text, (str, int), "text or its SHA-256")]
#: A name, a city, a state, a postal code, a country, a gender, a date of birth: by the rules that the ad platforms
#: share (see functions/personal.py), and their SHA-256; a hash stays as it is.
HashedName = Annotated[str, _by(personal.hashed(personal.name), str, "a name or its SHA-256")]
HashedCity = Annotated[str, _by(personal.hashed(personal.city), str, "a city or its SHA-256")]
HashedState = Annotated[str, _by(personal.hashed(personal.state), str, "a state or its SHA-256")]
HashedPostalCode = Annotated[
    str, _by(personal.hashed(personal.postal_code), (str, int), "a postal code or its SHA-256")
]
HashedCountry = Annotated[str, _by(personal.hashed(personal.country), str, "a country's two letters or their SHA-256")]
HashedGender = Annotated[str, _by(personal.hashed(personal.gender), str, "female, male, f or m, or its SHA-256")]
HashedBirthday = Annotated[
    str, _by(personal.hashed(personal.birthday), (str, int, float), "a date such as 1990-12-31, or its SHA-256")
]
#: A city and a postal code likewise, for platforms that take them in clear; a country's two letters in lower case.
City = Annotated[str, _by(personal.city, str, "a city")]
State = Annotated[str, _by(personal.state, str, "a state")]
PostalCode = Annotated[str, _by(personal.postal_code, (str, int), "a postal code")]
Country = Annotated[str, _by(personal.country, str, "a country's two letters")]
#: A number that stays as it is: 3 is sent as 3, not as 3.0; text such as `19.90` is read.
Number = int | float
#: An amount of money: a number that is worth no guess. What cannot be read rejects the call.
Money = Annotated[int | float, Exact()]
#: How many of something, likewise.
Quantity = Annotated[int | float, Exact()]
#: A currency's three letters (ISO 4217), in upper case; likewise.
Currency = Annotated[str, StringConstraints(strip_whitespace=True, to_upper=True, pattern=CURRENCY_PATTERN), Exact()]
#: Whether a person agreed to something; likewise.
Consent = Annotated[bool, Exact()]
#: A moment as whole seconds since 1970; taken from text or Unix time (see spec/moments.py).
UnixSeconds = Annotated[int, _by(dates.to_unix_seconds, (str, int, float), _MOMENT)]
#: A moment as whole milliseconds since 1970; taken likewise.
UnixMillis = Annotated[int, _by(dates.to_unix_millis, (str, int, float), _MOMENT)]
#: A moment as ISO 8601 text in UTC, such as `2015-12-12T19:11:01.249Z`; taken likewise.
Timestamp = Annotated[str, _by(dates.to_iso8601, (str, int, float), _MOMENT)]


class Product(Part):
    """One product of an order or cart.

    Source: https://segment.com/docs/connections/spec/ecommerce/v2/. Attributes that the spec does not name are kept.
    """

    model_config = ConfigDict(extra="allow")

    product_id: Annotated[str | None, Field(description="The product's id in the shop's database.")] = None
    sku: Annotated[str | None, Field(description="The stock keeping unit.")] = None
    category: Annotated[str | None, Field(description="The product's category.")] = None
    name: Annotated[str | None, Field(description="The product's name.")] = None
    brand: Annotated[str | None, Field(description="The product's brand.")] = None
    variant: Annotated[str | None, Field(description="The variant, such as a colour.")] = None
    price: Annotated[Money | None, Field(description="The price of one.")] = None
    quantity: Annotated[Quantity | None, Field(description="How many.")] = None
    coupon: Annotated[str | None, Field(description="The coupon for this product.")] = None
    position: Annotated[int | None, Field(description="The place in a list of products.")] = None
    url: Annotated[str | None, Field(description="The product's page.")] = None
    image_url: Annotated[str | None, Field(description="The product's picture.")] = None
