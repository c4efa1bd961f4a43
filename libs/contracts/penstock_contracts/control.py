"""Family `ctl`: sessions, commands, configuration and claims. None of them is numbered."""

from dataclasses import field
from typing import Literal

from penstock_contracts.base import message
from penstock_contracts.types import Count, Id, InstrumentKey, Line, Name, Ns

Verb = Literal[
    "halt", "resume", "reduce", "flatten", "stop", "cancel", "close", "strategy_on", "strategy_off", "limits"
]


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


@message("ctl", "config")
class ConfigChanged:
    """A setting that changed while the session ran, and who changed it."""

    ts: Ns
    path: str
    value: str
    by: Name


@message("ctl", "claim")
class Claim:
    """A writer that is not deterministic takes over: the claim's log sequence becomes its epoch."""

    producer: Name
    nonce: Id
    succeeds: Count
    """The epoch that it succeeds; readers ignore a claim that names another."""
