"""The rules: from what is seen of a session to what is wrong with it now. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from penstock_contracts.types import TradingState

from penstock_api.alerts.config import MEBIBYTE, AlertsConfig

_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. The same key is the same problem, whatever its text says of it now."""

    key: str
    text: str
    severity: str = "warning"


@dataclass(slots=True)
class Seen:
    """A look at a session. What is unknown is None or absent, and no rule speaks of it."""

    trading_state: TradingState | None = None
    trading_reason: str = ""
    equity: Decimal | None = None
    equity_peak: Decimal | None = None
    mark: int = 0
    """Event time up to which prices are known, ns."""
    data_at: dict[str, int] = field(default_factory=dict)
    """By venue of which an instrument trades: event time of its last datum, ns. Empty beside 1x."""
    silent_s: dict[str, float] = field(default_factory=dict)
    """By service that was heard once."""
    connected: bool = True
    errors_in_minute: int = 0
    last_error: str = ""
    memory: dict[str, int] = field(default_factory=dict)
    dead_letters_new: int = 0
    disk_free: int | None = None
    ended: bool = False


def problems(config: AlertsConfig, seen: Seen) -> Iterator[Problem]:
    """What is wrong now. Nothing is, once the session has ended."""
    if seen.ended:
        return
    yield from _trading(config, seen)
    yield from _services(config, seen)
    yield from _machine(config, seen)


def _trading(config: AlertsConfig, seen: Seen) -> Iterator[Problem]:
    if config.halt and seen.trading_state is TradingState.HALTED:
        yield Problem("halt", f"trading is halted: {seen.trading_reason}", "critical")
    if config.drawdown_fraction is not None and seen.equity is not None and seen.equity_peak:
        fallen = (seen.equity_peak - seen.equity) / seen.equity_peak
        if fallen >= config.drawdown_fraction:
            yield Problem(
                "drawdown",
                f"equity {seen.equity:.2f} is {fallen:.1%} below its peak of {seen.equity_peak:.2f}",
                "critical",
            )
    if config.feed_stale_s is not None:
        for venue, last in sorted(seen.data_at.items()):
            age_s = (seen.mark - last) / _S
            if age_s > config.feed_stale_s:
                yield Problem(f"feed_stale:{venue}", f"{venue} sent nothing for {age_s:.0f} s", "critical")


def _services(config: AlertsConfig, seen: Seen) -> Iterator[Problem]:
    if config.service_down_s is not None:
        if not seen.connected:
            yield Problem("service_down:log", "the log cannot be reached: nothing trades", "critical")
            return  # nobody can be heard then
        for service, silent_s in sorted(seen.silent_s.items()):
            if silent_s > config.service_down_s:
                yield Problem(
                    f"service_down:{service}", f"{service} was not heard for {silent_s:.0f} s", "critical"
                )
    if config.errors_per_minute is not None and seen.errors_in_minute >= config.errors_per_minute:
        last = f", the last: {seen.last_error}" if seen.last_error else ""
        yield Problem("error_rate", f"{seen.errors_in_minute} errors in the last minute{last}")
    if config.dead_letters is not None and seen.dead_letters_new >= config.dead_letters:
        yield Problem(
            "dead_letters",
            f"{seen.dead_letters_new} messages could not be read in ten minutes; see `penstock dlq list`",
        )


def _machine(config: AlertsConfig, seen: Seen) -> Iterator[Problem]:
    if config.memory_bytes is not None:
        for service, taken in sorted(seen.memory.items()):
            if taken > config.memory_bytes:
                yield Problem(f"memory:{service}", f"{service} takes {taken // MEBIBYTE} MiB of memory")
    free, least = seen.disk_free, config.disk_free_bytes
    if free is not None and least is not None and free < least:
        text = f"{free // MEBIBYTE} MiB are free at the data directory; see `penstock sessions clean`"
        yield Problem("disk", text, "critical")
