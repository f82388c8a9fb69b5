"""Amounts as Kubernetes writes them, as whole numbers and back."""

from decimal import ROUND_CEILING, Decimal

_SUFFIXES = {
    "m": Decimal("0.001"), "k": Decimal(10**3), "M": Decimal(10**6), "G": Decimal(10**9), "T": Decimal(10**12),
    "P": Decimal(10**15), "Ki": Decimal(2**10), "Mi": Decimal(2**20), "Gi": Decimal(2**30), "Ti": Decimal(2**40),
    "Pi": Decimal(2**50), "n": Decimal("1e-9"), "u": Decimal("1e-6"),
}  # fmt: skip


def _number(text: str) -> Decimal:
    for length in (2, 1):
        if text[-length:] in _SUFFIXES:
            return Decimal(text[:-length]) * _SUFFIXES[text[-length:]]
    return Decimal(text)


def millis(text: str) -> int:
    """Thousandths, rounded up: `1.5` → 1500, `250m` → 250."""
    return int((_number(text) * 1000).to_integral_value(ROUND_CEILING))


def whole(text: str) -> int:
    """Whole units, rounded up: `1Ki` → 1024."""
    return int(_number(text).to_integral_value(ROUND_CEILING))


def cpu_text(thousandths: int) -> str:
    """CPUs for people: 1500 → `1500m`, 2000 → `2`."""
    return str(thousandths // 1000) if thousandths % 1000 == 0 else f"{thousandths}m"


def memory_text(number: int) -> str:
    """Bytes in the largest binary unit that divides them: 2147483648 → `2Gi`."""
    for suffix in ("Pi", "Ti", "Gi", "Mi", "Ki"):
        size = int(_SUFFIXES[suffix])
        if number and number % size == 0:
            return f"{number // size}{suffix}"
    return str(number)
