"""What other currencies were worth in account currency, as the account's own samples say."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from penstock_contracts.orders import PnlSampled
from penstock_kernel.ledger import fit
from penstock_kernel.money import ONE

from penstock_research.report.trips import Trip


class Rates:
    """The rates of a run by event time."""

    def __init__(self, currency: str, samples: Sequence[PnlSampled]) -> None:
        self.currency = currency
        self._told = [each for each in samples if each.rates]
        self._times = [each.ts for each in self._told]

    def at(self, currency: str, ts: int) -> Decimal | None:
        """Worth of one unit as the first sample from `ts` on says, or the last one; None where none does."""
        if currency == self.currency:
            return ONE
        if not self._told:
            return None
        found = self._told[min(bisect_left(self._times, ts), len(self._told) - 1)]
        return found.rates.get(currency)

    def in_account(self, trip: Trip) -> Trip:
        """A trade's money in account currency at the rate of its end; as it is where there is no rate."""
        rate = self.at(trip.currency, trip.ts_close)
        if rate is None or trip.currency == self.currency:
            return trip
        fees = None if trip.fees is None else fit(trip.fees * rate)
        return replace(trip, currency=self.currency, pnl=fit(trip.pnl * rate), fees=fees)
