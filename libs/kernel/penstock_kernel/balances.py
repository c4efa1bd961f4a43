"""Balances: how much there is of each currency, from capital, positions and fees.

Who buys on the spot pays with one currency and has another; a contract moves nothing but its profit and loss,
in its settlement currency. Fees are paid in theirs. So with every rate at the last price the balances, and
the unrealised profit and loss of contracts, add up to equity.
"""

from collections.abc import Iterable
from decimal import Decimal

from penstock_contracts.instrument import Instrument
from penstock_contracts.types import InstrumentKind

from penstock_kernel.ledger import Position, plain
from penstock_kernel.money import ZERO

BOUGHT_OUTRIGHT = frozenset({InstrumentKind.SPOT, InstrumentKind.EQUITY})
"""Kinds that are paid for in full, and then had."""


def balances(
    currency: str, capital: Decimal, held: Iterable[tuple[Instrument, Position]]
) -> dict[str, Decimal]:
    """Balance by currency, or asset, ordered by name; negative where it is owed, left out where it is zero.

    The account's own `currency`, which begins with `capital`, is always there.
    """
    found = {currency: capital}

    def add(name: str, amount: Decimal) -> None:
        found[name] = found.get(name, ZERO) + amount

    for instrument, position in held:
        earned = position.pnl_realized
        if instrument.kind in BOUGHT_OUTRIGHT:
            earned -= position.cost
            add(instrument.base, position.quantity)
        add(instrument.settlement, earned)
        for paid_in, amount in position.fees.items():
            add(paid_in, -amount)
    return {name: plain(found[name]) for name in sorted(found) if found[name] or name == currency}
