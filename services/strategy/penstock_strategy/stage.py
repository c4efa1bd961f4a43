"""The strategy stage: bars and rows in, signals out; several strategies, none of which sees another."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from penstock_contracts.base import Message
from penstock_contracts.control import Command
from penstock_contracts.features import FeatureBars, FeatureRows
from penstock_contracts.instrument import Instrument
from penstock_contracts.market import Gap, InstrumentDefined, InstrumentStatus
from penstock_contracts.orders import (
    OrderApproved,
    ShadowFilled,
    SignalRefused,
    SignalResolved,
    TradingStateChanged,
)
from penstock_contracts.signals import Note
from penstock_contracts.types import NEVER, Liquidity, MarketStatus, TradingState
from penstock_contracts.venue import Fill, OrderAccepted, OrderChanged, OrderSubmitted
from penstock_kernel.grid import grid_after
from penstock_kernel.money import from_scaled
from penstock_kernel.session import SessionConfig
from penstock_kernel.stage import IntervalEnd, Outputs, StageStatus
from pydantic import TypeAdapter, ValidationError

from penstock_strategy.config import StrategyConfig
from penstock_strategy.declarations import columns_of, shortest
from penstock_strategy.errors import StrategyLoadError
from penstock_strategy.host import HostState, StrategyHost
from penstock_strategy.intents import Intents
from penstock_strategy.loader import load
from penstock_strategy.views import Columns, Names

_ABOUT_ORDERS = frozenset(
    {
        SignalResolved, SignalRefused, ShadowFilled, OrderApproved, OrderSubmitted, OrderAccepted,
        OrderChanged, Fill,
    }
)  # fmt: skip
"""What is told to the strategy that it is about, and to no other."""
_ABOUT_ALL = frozenset({InstrumentDefined, InstrumentStatus, Gap, TradingStateChanged})
_NEVER_DUE = StageStatus()
_STRETCH_ROWS = 4
"""Fewer rows are faster one by one."""
_STOPPED = frozenset({MarketStatus.HALTED, MarketStatus.AUCTION})
"""What a venue says that no calendar lifts."""
_Handler = Callable[[Columns, Names, int], list[Message] | None]


@dataclass(frozen=True, slots=True)
class _Subscription:
    """That a strategy sees the rows of one series."""

    host: StrategyHost
    handler: _Handler
    names: Names


@dataclass(slots=True)
class State:
    """Everything that a snapshot holds."""

    __pydantic_config__ = {"ser_json_inf_nan": "constants", "extra": "forbid"}  # noqa: RUF012

    started: bool = False
    mark: int = 0
    ended: bool = False
    definitions: dict[str, Instrument] = field(default_factory=dict)
    """Instruments that were redefined since the session began."""
    hosts: list[HostState] = field(default_factory=list)


_STATE = TypeAdapter(State)


class StrategyStage:
    """Runs the session's strategies, in their order, over each row."""

    def __init__(self, config: StrategyConfig, session: SessionConfig) -> None:
        self._grid = session.grid
        self._start = session.start
        self._hosts: dict[str, StrategyHost] = {}
        for spec in session.strategies:
            if spec.name in self._hosts:
                raise StrategyLoadError(f"two strategies are called {spec.name}")
            self._hosts[spec.name] = StrategyHost(load(spec), spec, session)
        for name in config.off:
            if name not in self._hosts:
                raise StrategyLoadError(f"strategy.off: there is no strategy {name}")
            self._hosts[name].switch(on=False, ended=False)
        self._subscriptions = _subscriptions(list(self._hosts.values()))
        self._handlers = {
            series: [(each.handler, each.names) for each in subscriptions]
            for series, subscriptions in self._subscriptions.items()
        }
        self._skipping = {
            series
            for series, subscriptions in self._subscriptions.items()
            if isinstance(series[1], int) and all(each.host.skips for each in subscriptions)
        }
        """Bars of which all that see them can say how many need not be shown."""
        self._marking = [host for host in self._hosts.values() if host.on_mark_declared]
        self._columns: dict[tuple[str, int | str], Columns] = {}
        """Of messages that were not handed over to their end, by series."""
        self._checked: set[tuple[tuple[str, int | str], tuple[str, ...]]] = set()
        self._state = State()

    # --- Stage ---------------------------------------------------------------------------------------

    def process(self, message: Message) -> Outputs:
        """React to features, to the strategies' own orders and fills, and to their refusals."""
        kind = type(message)
        if kind is FeatureBars or kind is FeatureRows:
            return self._walk(message, 0, None, stop_at_output=False)[1]
        outputs = [] if self._state.started else self._started()
        if kind in _ABOUT_ORDERS:
            host = self._hosts.get(message.strategy)
            return outputs if host is None else outputs + _tell(host, kind, message)
        return outputs + self._told(message) if kind in _ABOUT_ALL else outputs

    def process_until_output(
        self, message: FeatureBars | FeatureRows, begin: int = 0, end: int | None = None
    ) -> tuple[int, Outputs]:
        """Like `process` of the rows [begin, end), but stop after the first that puts something out.

        Returns the number of rows taken. To go on, hand over the same message object with the new `begin`:
        its columns are then not read again.
        """
        reached, outputs = self._walk(message, begin, end, stop_at_output=True)
        return reached - begin, outputs

    def end_interval(self, end: IntervalEnd) -> Outputs:
        """Call `on_mark` at each mark, then act on the commands."""
        outputs = [] if self._state.started else self._started()
        if self._marking and not self._state.ended:
            for ts in range(grid_after(end.start, self._grid), end.ts + 1, self._grid):
                for host in self._marking:
                    host.context.at = ts
                    if host.listening:
                        outputs += host.call("on_mark", host.strategy.on_mark, ts) or ()
        self._state.mark = end.ts
        if end.ended and not self._state.ended:
            self._state.ended = True
            for host in self._hosts.values():
                host.listen(ended=True)
        for command in end.commands:
            if command.verb in {"strategy_on", "strategy_off"}:
                outputs += self._switch(command)
        return outputs

    def status(self) -> StageStatus:
        """Due at the next mark where a strategy that is on declares `on_mark`."""
        if not self._marking:
            return _NEVER_DUE
        due = any(host.listening for host in self._marking)
        return StageStatus(next_due=self._state.mark + self._grid if due else NEVER)

    def describe(self) -> dict[str, Any]:
        """Signals and errors, in all and by strategy."""
        states = {name: host.state for name, host in self._hosts.items()}
        return {
            "signals": sum(state.signals for state in states.values()),
            "errors": sum(state.errors for state in states.values()),
            "strategies": {
                name: {
                    "on": state.on and not state.failed,
                    "failed": state.failed,
                    "signals": state.signals,
                    "held_back": state.held_back,
                    "warming_up": dict(self._hosts[name].context.cold),
                    "positions": {
                        key: str(held.quantity)
                        for key, held in self._hosts[name].context.book.holdings.items()
                        if held.quantity
                    },
                }
                for name, state in states.items()
            },
        }

    def snapshot(self) -> bytes:
        """The state as JSON, each strategy's declared state within."""
        self._state.hosts = [host.saved() for host in self._hosts.values()]
        return _STATE.dump_json(self._state)

    def restore(self, state: bytes) -> None:
        """Take over a snapshot of the same strategies. ValueError when it is of others."""
        try:
            restored = _STATE.validate_json(state)
        except ValidationError as error:
            raise ValueError(f"not a snapshot of strategies: {error.error_count()} errors") from error
        if [saved.name for saved in restored.hosts] != list(self._hosts):
            raise ValueError(f"a snapshot of other strategies than {', '.join(self._hosts)}")
        for host, saved in zip(self._hosts.values(), restored.hosts, strict=True):
            host.resume(saved, ended=restored.ended)
        for definition in restored.definitions.values():
            self._define(definition)
        self._state = restored
        self._columns = {}

    # --- Inside --------------------------------------------------------------------------------------

    def _walk(
        self, message: FeatureBars | FeatureRows, begin: int, end: int | None, *, stop_at_output: bool
    ) -> tuple[int, list[Message]]:
        """Hand over rows one by one, each to every strategy that declared them; returns where it stopped."""
        outputs = [] if self._state.started else self._started()
        series = _series(message)
        subscriptions = self._subscriptions.get(series)
        rows = len(message.ts) if end is None else end
        if subscriptions is None or begin >= rows:
            return rows, outputs
        if (series, message.names) not in self._checked:
            _check_names(subscriptions, message)
            self._checked.add((series, message.names))
        columns = self._columns.get(series)
        if columns is None or columns.message is not message:
            columns = self._columns[series] = Columns(message)
        handlers = self._handlers[series]
        row, asked = begin, begin if series in self._skipping else rows
        while row < rows:
            if row >= asked and rows - row >= _STRETCH_ROWS:
                quiet, failed = _quiet(subscriptions, columns, row, rows)
                outputs += failed
                row += quiet
                # Where it is seldom quiet it is seldom asked.
                asked = row + (1 if quiet >= _STRETCH_ROWS else _STRETCH_ROWS)
                if row == rows:
                    break
            for handler, names in handlers:
                produced = handler(columns, names, row)
                if produced is not None:
                    outputs += produced
            row += 1
            if outputs and stop_at_output:
                break
        self._seen(subscriptions, columns, row - 1)
        if row == len(message.ts):
            del self._columns[series]
        return row, outputs

    @staticmethod
    def _seen(subscriptions: list[_Subscription], columns: Columns, row: int) -> None:
        """Keep what the strategies know of the rows up to one."""
        last = columns.exact("close" if columns.is_bars else "price")[row]
        price = from_scaled(last, columns.message.price_scale)
        for each in subscriptions:
            each.host.seen(columns, row, price)

    def _started(self) -> list[Message]:
        """Call `on_start` of strategies that were not yet; returns what they put out."""
        if self._state.started:
            return []
        self._state.started = True
        outputs: list[Message] = []
        for host in self._hosts.values():
            if not host.state.started:
                outputs += host.start(self._start) or ()
        return outputs

    def _told(self, message: Message) -> list[Message]:
        """Tell all strategies what concerns them all."""
        if isinstance(message, InstrumentDefined):
            self._define(message.instrument)
            return []
        if isinstance(message, InstrumentStatus):
            self._set_status(message)
            return self._all_told("on_status", message, message.ts_init, message.instrument)
        if isinstance(message, Gap):
            return self._all_told("on_disconnect", message, message.ts_init, message.instrument)
        return self._state_changed(message)

    def _state_changed(self, message: TradingStateChanged) -> list[Message]:
        """Tell every strategy when trading stops being active, and when it is again."""
        was, now = (each is TradingState.ACTIVE for each in (message.previous, message.state))
        if was is now:
            return []
        event = "on_trading_enabled" if now else "on_trading_disabled"
        return self._all_told(event, message, message.ts, None)

    def _all_told(self, event: str, message: Message, ts: int, instrument: str | None) -> list[Message]:
        """Call one of the callbacks of every strategy that has the instrument."""
        outputs: list[Message] = []
        for host in self._hosts.values():
            if not host.state.failed and (instrument is None or instrument in host.context.instruments):
                host.context.at = ts
                outputs += host.call(event, getattr(host.strategy, event), message) or []
        return outputs

    def _define(self, definition: Instrument) -> None:
        self._state.definitions[definition.instrument] = definition
        for host in self._hosts.values():
            if definition.instrument in host.context.instruments:
                host.context.definitions[definition.instrument] = definition

    def _set_status(self, message: InstrumentStatus) -> None:
        for host in self._hosts.values():
            known = host.context.definitions.get(message.instrument)
            if known is not None and not (message.scheduled and known.status in _STOPPED):
                self._define(replace(known, status=message.status))
                return

    def _switch(self, command: Command) -> list[Message]:
        if command.strategy is not None and command.strategy not in self._hosts:
            text = f"{command.verb} by {command.by}: there is no strategy {command.strategy}"
            missing = Note(
                strategy=command.strategy, ts=self._state.mark, level="warning", text=text,
                command_id=command.command_id,
            )  # fmt: skip
            return [missing]
        outputs: list[Message] = []
        on = command.verb == "strategy_on"
        for name, host in self._hosts.items():
            if command.strategy in {None, name}:
                if not on and command.arguments.get("positions") == "close" and host.listening:
                    host.context.at = self._state.mark
                    outputs += host.call("close_positions", host.strategy.close_positions) or []
                host.switch(on=on, ended=self._state.ended)
                host.context.at = self._state.mark
                reason = f": {command.reason}" if command.reason else ""
                text = f"switched {'on' if on else 'off'} by {command.by}{reason}"
                outputs.append(host.note("info", text, command_id=command.command_id))
                if on and not host.state.started:
                    outputs += host.start(self._state.mark) or ()
        return outputs


def _quiet(
    subscriptions: list[_Subscription], columns: Columns, begin: int, end: int
) -> tuple[int, list[Message]]:
    """How many leading rows nobody need be shown, and what those put out that could not tell."""
    outputs: list[Message] = []
    for each in subscriptions:
        count, failed = each.host.quiet(columns, each.names, begin, end)
        end = min(end, begin + count)
        outputs += failed or ()
    return end - begin, outputs


def _tell(host: StrategyHost, kind: type, message: Message) -> list[Message]:
    """Keep the strategy's book, then call it. What it is told reaches it also when it is switched off."""
    book, strategy = host.context.book, host.strategy
    if kind is SignalResolved:
        book.settled(message)
        return []
    event = "on_order"
    callback: Callable[..., Intents] = strategy.on_order
    if kind is ShadowFilled:
        message = _as_fill(message)
        kind = Fill
    if kind is Fill:
        book.fill(message, host.context.definitions.get(message.instrument))
        event, callback = "on_fill", strategy.on_fill
    elif kind is SignalRefused:
        book.settled(message)
        event, callback = "on_refused", strategy.on_refused
    elif kind is OrderApproved:
        book.approved(message)
    elif kind is OrderChanged:
        book.changed(message)
    host.context.at = message.ts
    if event not in host.hears or host.state.failed:
        return []
    return host.call(event, callback, message) or []


def _as_fill(filled: ShadowFilled) -> Fill:
    """A virtual fill as the strategy that it belongs to sees it: like any other."""
    return Fill(
        fill_id=filled.fill_id,
        order_id=filled.signal_id,
        order_ordinal=filled.ordinal,
        strategy=filled.strategy,
        instrument=filled.instrument,
        venue=filled.instrument.rpartition(".")[2],
        number=1,
        ts=filled.ts,
        ts_known=filled.ts,
        side=filled.side,
        price=filled.price,
        quantity=filled.quantity,
        fee=filled.fee,
        fee_currency=filled.currency,
        liquidity=Liquidity.TAKER,
        quantity_left=Decimal(0),
    )


def _series(message: FeatureBars | FeatureRows) -> tuple[str, int | str]:
    if isinstance(message, FeatureBars):
        return message.instrument, message.interval
    return message.instrument, message.trigger


def _check_names(subscriptions: list[_Subscription], message: FeatureBars | FeatureRows) -> None:
    """ValueError when features does not compute what was declared: the session is wired wrongly."""
    for each in subscriptions:
        if missing := sorted(set(each.names.values()) - set(message.names)):
            raise ValueError(
                f"strategy {each.host.name} declared {', '.join(missing)} of {message.instrument}, "
                f"but features sends {', '.join(message.names) or 'none'}"
            )


def _subscriptions(hosts: list[StrategyHost]) -> dict[tuple[str, int | str], list[_Subscription]]:
    """Who sees which series, strategies in the session's order."""
    table: dict[tuple[str, int | str], list[_Subscription]] = {}
    for host in hosts:
        intervals = shortest(host.needs)
        for bar in host.needs.bars:
            counts = bar.interval == intervals[bar.instrument]
            handler = host.counted_bar if counts and host.needs.warm_up else host.bar
            subscription = _Subscription(host, handler, columns_of(bar.features))
            table.setdefault((bar.instrument, bar.interval), []).append(subscription)
        for row in host.needs.rows:
            handler = host.row if row.instrument in intervals else host.counted_row
            subscription = _Subscription(host, handler, columns_of(row.features))
            table.setdefault((row.instrument, row.trigger), []).append(subscription)
    return table
