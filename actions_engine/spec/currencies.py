"""Currencies by ISO 4217: their codes, and amounts in the minor unit, such as cents.

Source: https://www.iso.org/iso-4217-currency-codes.html.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

#: The codes of ISO 4217, funds and metals among them. Source: https://www.iso.org/iso-4217-currency-codes.html.
CURRENCIES = frozenset(
    """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE
    CHF CHW CLF CLP CNY COP COU CRC CUC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ
    GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL
    LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN
    PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SLL SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD
    TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAF XAG XAU XBA XBB XBC XBD XCD XCG XDR XOF XPD XPF XPT
    XSU XTS XUA XXX YER ZAR ZMW ZWG ZWL
    """.split()  # noqa: SIM905 - a list of literals would be eleven lines longer
)

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
