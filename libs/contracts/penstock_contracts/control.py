"""Family `ctl`: sessions, commands, configuration and claims. None of them is numbered."""

from dataclasses import field
from typing import Literal

from penstock_contracts.base import message, record
from penstock_contracts.types import (
    Count,
    Id,
    InstrumentKey,
    Line,
    Name,
    Ns,
    OrderType,
    Positive,
    Side,
    TimeInForce,
)

Verb = Literal[
    "halt", "resume", "reduce", "flatten", "stop", "cancel", "close", "strategy_on", "strategy_off", "limits",
    "place", "modify", "step", "strategy_mode",
]  # fmt: skip


@record
class ManualOrder:
    """The order that an operator wants, whole: of `place` a new one, of `modify` what the old becomes."""

    side: Side
    quantity: Positive
    """Of `modify`: what is left to fill after the change."""
    type: OrderType = OrderType.MARKET
    limit_price: Positive | None = None
    stop_price: Positive | None = None
    trail: Positive | None = None
    """Distance of a trailing stop from the best price, in quote currency."""
    time_in_force: TimeInForce = TimeInForce.GTC
    expire_at: Ns | None = None
    post_only: bool = False
    reduce_only: bool = False
    price: Positive | None = None
    """The price that the operator saw; risk holds it against its collar. None: whatever the market's is."""


@message("ctl", "session")
class Session:
    """Genesis ends every epoch before it; its log sequence is the epoch of the deterministic stages."""

    phase: Literal["genesis", "end"]
    session_id: Id
    ts: Ns
    """Wall time, ns."""
    config_hash: str
    code_hash: str
    config: str = ""
    """The resolved configuration as JSON (genesis), secrets redacted."""
    stop_reason: Line = ""
    outputs: dict[str, Count] = field(default_factory=dict)
    """On end: the number of the last output of each producer; nothing was cut off."""


@message("ctl", "command")
class Command:
    """An operator's wish. Ingest de-duplicates it, judges its expiry and lists it in the next mark."""

    command_id: Id
    verb: Verb
    ts_issued: Ns
    ts_expires: Ns
    by: Name
    reason: Line = ""
    venue: str | None = None
    instrument: InstrumentKey | None = None
    underlying: str | None = None
    strategy: Name | None = None
    order_id: Id | None = None
    override: bool = False
    """A risk admin's explicit override: `flatten` while HALTED."""
    arguments: dict[str, str] = field(default_factory=dict)
    order: ManualOrder | None = None
    """Of `place` and `modify`."""
    origin: Line = ""
    """From where it was given, such as `api 127.0.0.1`."""


@message("ctl", "config")
class ConfigChanged:
    """A setting that changed while the session ran, and who changed it."""

    ts: Ns
    path: str
    value: str
    by: Name


@message("ctl", "audit")
class Audited:
    """Something that changed nothing and belongs into the audit: a request that was refused before it became
    a command, a command that was read too late.
    """

    ts: Ns
    """Wall time, ns."""
    who: Name
    """`nobody` where that is not known."""
    what: Line
    """What was wanted: a command's verb, or a request's method and route."""
    outcome: Literal["refused", "expired"]
    reason: Line
    command_id: Id | None = None
    origin: Line = ""
    """From where it came, such as `api 127.0.0.1`."""
    status: Count | None = None
    """Of the answer to a request (HTTP)."""
    unwritten: Count = 0
    """Others that came since the one before and were too many to be written."""


@message("ctl", "claim")
class Claim:
    """A writer that is not deterministic takes over: the claim's log sequence becomes its epoch."""

    producer: Name
    nonce: Id
    succeeds: Count
    """The epoch that it succeeds; readers ignore a claim that names another."""
