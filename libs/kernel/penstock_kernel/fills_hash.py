"""The identity of a run's fills: one hash, the same in every topology and on every machine.

SHA-256 over one line of canonical JSON for each fill, in event order: by event time, then by the ordinal
of the order, then by the number of the event within its order. Left out is what may differ between two
runs of the same thing: session, ids, wall times and transport.
"""

import json
from collections.abc import Iterable
from decimal import Decimal
from hashlib import sha256

from penstock_contracts.venue import Fill


def canonical_decimal(value: Decimal) -> str:
    """A decimal in plain notation without trailing zeros: 1, 1.0 and 1E+0 are the same number."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def canonical_fill(fill: Fill) -> str:
    """The line that stands for a fill: JSON, keys sorted, no spaces."""
    content = {
        "strategy": fill.strategy,
        "instrument": fill.instrument,
        "side": fill.side.value,
        "ts": fill.ts,
        "price": canonical_decimal(fill.price),
        "quantity": canonical_decimal(fill.quantity),
        "fee": canonical_decimal(fill.fee),
        "fee_currency": fill.fee_currency,
        "liquidity": fill.liquidity.value,
        "order": fill.order_ordinal,
    }
    return json.dumps(content, sort_keys=True, separators=(",", ":"))


def fills_hash(fills: Iterable[Fill]) -> str:
    """64 hex digits over all fills; the order in which they are handed over does not matter."""
    digest = sha256()
    for fill in sorted(fills, key=lambda each: (each.ts, each.order_ordinal, each.number, each.instrument)):
        digest.update(canonical_fill(fill).encode())
        digest.update(b"\n")
    return digest.hexdigest()
