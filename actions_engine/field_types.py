"""Types of payload fields that many destinations share, so that no plugin writes them again.

    class Purchase(Payload):
        email: Annotated[HashedEmail | None, From("context.traits.email")] = None
        currency: Annotated[Currency | None, From("properties.currency")] = None
        time: Annotated[UnixSeconds | None, From("timestamp")] = None
        products: Annotated[list[Product] | None, From("properties.products")] = None

A value that cannot become what the type says is a fault of its field, told to the analyst.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints

from actions_engine.errors import FunctionError
from actions_engine.functions import dates, identity
from actions_engine.payload import Part


def _by(function: Callable[[Any], Any], types: type | tuple[type, ...], expected: str) -> BeforeValidator:
    """Return a validator that converts by a function of the language."""

    def convert(value: Any) -> Any:
        if value is None:
            return None
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

#: An e-mail address, trimmed and in lower case.
Email = Annotated[str, _by(identity.normalize_email, str, "an e-mail address")]
#: The SHA-256 of a normalised e-mail address, as the ad platforms match; a hash stays as it is.
HashedEmail = Annotated[str, _by(identity.hash_email, str, "an e-mail address or its SHA-256")]
#: A telephone number in E.164, such as `+12055550123`.
Phone = Annotated[
    str, _by(identity.normalize_phone, str, "a telephone number with its country code, such as +12055550123")
]
#: The SHA-256 of a telephone number's digits, country code included; a hash stays as it is.
HashedPhone = Annotated[str, _by(identity.hash_phone, str, f"{_PHONE}, or its SHA-256")]
#: The SHA-256 of any other text about a person, such as a name, trimmed and in lower case; a hash stays as it is.
HashedText = Annotated[str, _by(identity.hash_text, (str, int), "text or its SHA-256")]
#: A number that stays as it is: 3 is sent as 3, not as 3.0; text such as `19.90` is read.
Number = int | float
#: A currency's three letters (ISO 4217), in upper case.
Currency = Annotated[str, StringConstraints(strip_whitespace=True, to_upper=True, pattern=r"^[A-Za-z]{3}$")]
#: A moment as whole seconds since 1970; taken from ISO 8601 text or Unix time.
UnixSeconds = Annotated[int, _by(dates.to_unix_seconds, (str, int, float), "a date and time in ISO 8601")]
#: A moment as whole milliseconds since 1970; taken likewise.
UnixMillis = Annotated[int, _by(dates.to_unix_millis, (str, int, float), "a date and time in ISO 8601")]
#: A moment as ISO 8601 text in UTC, such as `2015-12-12T19:11:01.249Z`; taken likewise.
Timestamp = Annotated[str, _by(dates.to_iso8601, (str, int, float), "a date and time in ISO 8601")]


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
    price: Annotated[Number | None, Field(description="The price of one.")] = None
    quantity: Annotated[Number | None, Field(description="How many.")] = None
    coupon: Annotated[str | None, Field(description="The coupon for this product.")] = None
    position: Annotated[int | None, Field(description="The place in a list of products.")] = None
    url: Annotated[str | None, Field(description="The product's page.")] = None
    image_url: Annotated[str | None, Field(description="The product's picture.")] = None
