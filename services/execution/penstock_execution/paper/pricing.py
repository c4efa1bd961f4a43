"""What a fill costs, and how much of a bar there is to have. Exact."""

from decimal import Decimal

from penstock_contracts.instrument import Instrument
from penstock_contracts.types import Liquidity
from penstock_kernel.ledger import Contract

from penstock_execution.config import PaperConfig


def taking_price(price: Decimal, sign: int, limit: Decimal | None, config: PaperConfig) -> Decimal:
    """`price` worsened by half the spread and the slippage, but never beyond the limit."""
    worse = price * config.taking_factors[sign]
    if limit is not None and sign * (worse - limit) > 0:
        return limit
    return worse


def fee_of(
    instrument: Instrument, quantity: Decimal, price: Decimal, liquidity: Liquidity, config: PaperConfig
) -> Decimal:
    """The fee in settlement currency; negative is a rebate."""
    if liquidity is Liquidity.MAKER:
        rate = instrument.fee_maker if config.fee_maker is None else config.fee_maker
    else:
        rate = instrument.fee_taker if config.fee_taker is None else config.fee_taker
    if instrument.inverse:
        return Contract.of(instrument).notional(quantity, price) * rate
    return abs(quantity * (price * instrument.multiplier)) * rate


def contracts_of(instrument: Instrument, volume: Decimal, low: Decimal, high: Decimal) -> Decimal:
    """A bar's volume in the units that orders count in.

    Where it has to be converted between base and quote, at the end of the bar's range that gives less.
    """
    if instrument.inverse == (instrument.volume_unit == "quote"):
        return volume / instrument.multiplier
    converted = volume * low if instrument.inverse else volume / high
    return converted / instrument.multiplier
