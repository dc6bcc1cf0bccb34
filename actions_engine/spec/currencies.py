"""Amounts in a currency's minor unit, such as cents. Source: ISO 4217, https://www.iso.org/iso-4217-currency-codes.html."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

# How many digits stand behind the point; those that are not named have two.
_NONE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE = "BHD IQD JOD KWD LYD OMR TND"
_FOUR = "CLF UYW"
_EXPONENTS = {code: digits for codes, digits in ((_NONE, 0), (_THREE, 3), (_FOUR, 4)) for code in codes.split()}


def minor_units(amount: float | str | Decimal, currency: str) -> int:
    """Return an amount in the currency's smallest unit: 19.99 USD is 1999, 1999 JPY is 1999, 1.5 KWD is 1500.

    Args:
        amount: A number, or text that is one, in the currency's main unit.
        currency: Three letters (ISO 4217), in any case.

    Raises:
        ValueError: the amount is no finite number.
    """
    try:
        # By way of its text, which a binary fraction is rounded to: 1.1 is 1.1, not 1.100000000000000088.
        exact = Decimal(str(amount))
        scaled = exact.scaleb(_EXPONENTS.get(currency.strip().upper(), 2))
        return int(scaled.to_integral_value(ROUND_HALF_EVEN))
    except (InvalidOperation, OverflowError, ValueError):
        raise ValueError("an amount is a finite number") from None
