"""How amounts are written: sums of many customers in whole units, what one customer or order is worth to the cent."""

from __future__ import annotations


def in_currency(number: str, currency: str) -> str:
    """A written number with its currency: a sign such as € before it, a code such as EUR after it, nothing where none is set."""
    if not currency:
        return number
    sign = "" if number[:1] not in "+-−" else number[0]
    return f"{number} {currency}" if currency[-1].isalpha() else f"{sign}{currency}{number[len(sign) :]}"


def whole(amount: float, currency: str = "") -> str:
    """A sum of many customers."""
    return in_currency(f"{amount:,.0f}", currency)


def cents(amount: float, currency: str = "") -> str:
    """What one customer or one order is worth."""
    return in_currency(f"{amount:,.2f}", currency)
