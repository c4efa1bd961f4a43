"""Settings of execution. Defaults are on the careful side."""

from decimal import Decimal
from functools import cached_property
from typing import Literal

from penstock_contracts.types import Ns
from pydantic import BaseModel, ConfigDict, Field

from penstock_execution.errors import UnsupportedSetting

DataKind = Literal["book", "quote", "trade", "bar"]
"""A kind of data that the paper venue matches against, the better one first."""

QUEUE_TRADES_DEFAULT = 10
_MS = 1_000_000
_BPS = Decimal("0.0001")


class PaperConfig(BaseModel):
    """The paper venue. `docs/fills.md` has each rule with an example."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    submit_latency_ns: Ns = Field(
        20 * _MS, le=60_000 * _MS, description="From a decision to its order's effect at the venue, ns."
    )
    cancel_latency_ns: Ns = Field(
        20 * _MS, le=60_000 * _MS, description="From a cancel request to its effect at the venue, ns."
    )
    response_latency_ns: Ns = Field(
        20 * _MS, le=60_000 * _MS, description="From what happens at the venue to our knowing of it, ns."
    )
    spread_bps: Decimal = Field(
        Decimal(2), ge=0, le=1000, description="Bid to ask in basis points; half of it is paid when taking."
    )
    slippage_bps: Decimal = Field(
        Decimal(1), ge=0, le=1000, description="Paid when taking, beside half the spread, basis points."
    )
    participation: Decimal = Field(
        Decimal("0.1"), gt=0, le=1, description="Share of a bar's volume that our orders can get, 0 to 1."
    )
    queue_trades: int | None = Field(
        None,
        ge=0,
        le=1000,
        description="Trades only: the queue ahead of a resting order is estimated as the size of so many "
        f"trades before it began to rest; 0 is none. Default {QUEUE_TRADES_DEFAULT}. Other data refuse it.",
    )
    reject_every: int = Field(
        0, ge=0, description="The venue rejects every n-th order that reaches it; 0 rejects none."
    )
    fee_maker: Decimal | None = Field(
        None,
        ge=Decimal("-0.1"),
        le=Decimal("0.1"),
        description="Fraction of the notional paid when resting (negative: got); default the instrument's.",
    )
    fee_taker: Decimal | None = Field(
        None,
        ge=Decimal("-0.1"),
        le=Decimal("0.1"),
        description="Fraction of the notional paid when taking; default the instrument's.",
    )

    @cached_property
    def taking_cost(self) -> Decimal:
        """Half the spread and the slippage, as a fraction of the price."""
        return (self.spread_bps / 2 + self.slippage_bps) * _BPS

    @cached_property
    def taking_factors(self) -> dict[int, Decimal]:
        """What makes a price worse, by the sign of the order."""
        return {sign: 1 + sign * self.taking_cost for sign in (1, -1)}

    def refuse_unsupported(self, instrument: str, kind: DataKind) -> None:
        """UnsupportedSetting if data of this kind cannot support what was set for it."""
        if self.queue_trades is None or kind == "trade":
            return
        shown = "has bars only, which show no queue" if kind == "bar" else f"has {kind}s, which show it"
        raise UnsupportedSetting(f"execution.paper.queue_trades: {instrument} {shown}; leave it out")


class GuardConfig(BaseModel):
    """The egress guard: the last check of an order. Ceilings above those of risk, for when risk is wrong."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    quantity_max: Decimal | None = Field(
        None, gt=0, description="Largest order, in units or contracts; none: not checked."
    )
    notional_max: Decimal | None = Field(
        None, gt=0, description="Largest order, in the instrument's quote currency; none: not checked."
    )
    collar: Decimal = Field(
        Decimal("0.2"),
        gt=0,
        le=10,
        description="How far a price may be from the last one to our disadvantage, as a fraction of it.",
    )
    orders_per_second_max: int = Field(
        100, ge=1, le=100_000, description="Orders within any second of event time."
    )
    approval_age_ns_max: Ns = Field(
        5_000 * _MS, description="Age of an approval, from the end of the interval of its decision, ns."
    )


class LiveConfig(BaseModel):
    """Execution at a live venue. `docs/live.md` says what each of these guards against."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gateway: Literal["none", "fake-venue-for-tests"] = Field(
        "none",
        description="The venue's adapter. `fake-venue-for-tests` invents a venue inside the process that "
        "forgets everything when it ends: for tests of live execution, never for money.",
    )
    silence_s_max: float = Field(
        3.0, gt=0, le=60, description="Without a mark or a sign of risk for so long, s: block and cancel."
    )
    approval_age_s_max: float = Field(
        5.0, gt=0, le=60, description="Wall time from the datum behind an approval to its sending, s."
    )
    request_timeout_s: float = Field(
        2.0, gt=0, le=60, description="After so long without an answer a request counts as unclear, s."
    )
    lost_after_s: float = Field(
        30.0, gt=0, le=3600, description="An order that the venue does not know is lost after so long, s."
    )
    requests_per_second_max: int = Field(
        10, ge=1, le=10_000, description="Requests to the venue within any second."
    )
    backoff_s_max: float = Field(
        30.0, gt=0, le=3600, description="Longest pause when the venue turns requests away, s."
    )


class ExecutionConfig(BaseModel):
    """Section `execution` of the configuration."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    venue: Literal["paper", "live"] = Field(
        "paper", description="Where orders go; `live` needs the flag --live as well."
    )
    paper: PaperConfig = Field(default_factory=PaperConfig, description="The paper venue.")
    live: LiveConfig = Field(default_factory=LiveConfig, description="The live venue.")
    guard: GuardConfig = Field(default_factory=GuardConfig, description="The last check of an order.")
