"""Numbers as text, in paths, tables and figures."""

from decimal import Decimal


def format_number(number: float) -> str:
    """Return ``number`` in plain decimal digits: 0.05, not 0.050 or 5e-2; 0, not 0.0 or -0."""
    # Adding 0 turns -0.0 into 0.0.
    return format(Decimal(repr(float(number) + 0.0)).normalize(), "f")


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: 1 seed, 2 seeds."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
