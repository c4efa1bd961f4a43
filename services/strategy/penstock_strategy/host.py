"""One strategy in its own small world: called, its wishes numbered and put out, its errors contained."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import PurePath
from traceback import walk_tb
from typing import Any, cast

from penstock_contracts.base import Message
from penstock_contracts.headers import rfc3339
from penstock_contracts.signals import Note, Signal
from penstock_contracts.types import Direction
from penstock_kernel.ids import make_id
from penstock_kernel.session import SessionConfig, StrategySpec
from pydantic import TypeAdapter, ValidationError

from penstock_strategy.book import Book
from penstock_strategy.context import Context
from penstock_strategy.intents import Intents, Remark, Wish
from penstock_strategy.loader import Loaded
from penstock_strategy.strategy import Strategy
from penstock_strategy.stretch import Stretch
from penstock_strategy.views import Bar, Columns, Names, Row

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_LINE_MAX = 2000


@dataclass(slots=True)
class HostState:
    """What a snapshot keeps of one strategy."""

    name: str
    source: str
    own: str = ""
    """The strategy's declared state, as JSON."""
    on: bool = True
    started: bool = False
    failed: bool = False
    """It raised: it emits nothing until it is switched on again, but is still brought flat."""
    signals: int = 0
    held_back: int = 0
    errors: int = 0
    cold: dict[str, int] = field(default_factory=dict)
    prices: dict[str, Decimal] = field(default_factory=dict)
    regimes: dict[str, str] = field(default_factory=dict)
    closing: list[str] = field(default_factory=list)
    """Instruments that a failed strategy is still to be brought flat in."""
    at: int = 0
    book: Book = field(default_factory=Book)


def _defined(cls: type, name: str) -> int:
    """How far up among its bases a method is defined; more than all of them where that is `Strategy`."""
    bases = cls.__mro__
    at = next(place for place, each in enumerate(bases) if name in each.__dict__)
    return at if bases[at] is not Strategy else len(bases) + (name == "quiet_bars")


class StrategyHost:
    """Runs one strategy. Nothing that it raises gets out."""

    def __init__(self, loaded: Loaded, spec: StrategySpec, session: SessionConfig) -> None:
        self.spec = spec
        self.loaded = loaded
        self._session_id = session.session_id
        self.context = Context(spec, session)
        self.state = HostState(spec.name, spec.source)
        self.strategy = loaded.build(self.context)
        self.needs = loaded.declared(self.strategy)
        self._own = TypeAdapter(loaded.cls.state_type)
        self.listening = True
        """Whether market data reaches it."""
        self.on_mark_declared = loaded.cls.on_mark is not Strategy.on_mark
        self.hears = frozenset(
            name
            for name in ("on_order", "on_fill", "on_refused")
            if getattr(loaded.cls, name) is not getattr(Strategy, name)
        )
        """Which of the callbacks about its orders do anything."""
        self.skips = _defined(loaded.cls, "quiet_bars") <= _defined(loaded.cls, "on_bar")
        """Whether it says which bars need not be shown, and says it of the very `on_bar` that it has."""
        self._file = loaded.file
        self.fresh()

    @property
    def name(self) -> str:
        """Its name in the session."""
        return self.spec.name

    # --- What it is told -----------------------------------------------------------------------------

    def bar(self, columns: Columns, names: Names, row: int) -> list[Message] | None:
        """A bar of an interval that does not count for its warm-up."""
        if not self.listening:
            return self._bring_flat(columns, row) if self.state.closing else None
        view = self.context.row = Bar(columns, names, row)
        try:
            intents = self.strategy.on_bar(view)
        except Exception as error:
            return self._fail(error, "on_bar", self.strategy.on_bar)
        return None if intents is None else self._put_out(intents, "on_bar", self.strategy.on_bar)

    def quiet(self, columns: Columns, names: Names, begin: int, end: int) -> tuple[int, list[Message] | None]:
        """How many leading bars it need not be shown, and what it put out because it could not tell."""
        if not self.listening:
            return (0 if self.state.closing else end - begin), None
        if self.context.cold:
            return 0, None
        try:
            count = self.strategy.quiet_bars(Stretch(columns, names, begin, end, self.name)) or 0
        except Exception as error:
            self.context.row = Bar(columns, names, begin)
            return 0, self._fail(error, "quiet_bars", self.strategy.quiet_bars)
        return min(max(count, 0), end - begin), None

    def counted_bar(self, columns: Columns, names: Names, row: int) -> list[Message] | None:
        """A bar that counts for its warm-up."""
        produced = self.bar(columns, names, row)
        if self.context.cold:
            self._count(columns.instrument)
        return produced

    def row(self, columns: Columns, names: Names, row: int) -> list[Message] | None:
        """A trade or quote."""
        if not self.listening:
            return self._bring_flat(columns, row) if self.state.closing else None
        self.context.row = view = Row(columns, names, row)
        return self.call("on_row", self.strategy.on_row, view)

    def counted_row(self, columns: Columns, names: Names, row: int) -> list[Message] | None:
        """A trade or quote that counts for its warm-up."""
        produced = self.row(columns, names, row)
        if self.context.cold:
            self._count(columns.instrument)
        return produced

    def seen(self, columns: Columns, row: int, price: Decimal) -> None:
        """The rows up to `row` of a message were handed over: keep their price and time."""
        self.context.row = None
        self.context.at = columns.ts[row]
        self.context.prices[columns.instrument] = price
        regime = columns.tag(self.context.regime_column, row)
        if regime is not None:
            self.context.regimes[columns.instrument] = regime

    def call(self, event: str, callback: Callable[..., Intents], *arguments: Any) -> list[Message] | None:
        """Call one of its callbacks and put out what it wants."""
        try:
            intents = callback(*arguments)
        except Exception as error:
            return self._fail(error, event, callback)
        return None if intents is None else self._put_out(intents, event, callback)

    def start(self, at: int) -> list[Message] | None:
        """Before the first data."""
        self.state.started = True
        self.context.at = at
        return self.call("on_start", self.strategy.on_start)

    # --- Switches ------------------------------------------------------------------------------------

    def fresh(self) -> None:
        """Give it a state as new, and its warm-up to do."""
        self.strategy.state = self.loaded.cls.state_type()
        warm_up = self.needs.warm_up
        self.context.cold = dict.fromkeys(self.context.instruments, warm_up) if warm_up else {}
        self.state.started = False

    def switch(self, *, on: bool, ended: bool) -> None:
        """Switch it on or off. One that failed starts anew when it is switched on."""
        if on and self.state.failed:
            self.state.failed = False
            self.state.closing = []
            self.fresh()
        self.state.on = on
        self.listen(ended=ended)

    def listen(self, *, ended: bool) -> None:
        """Whether market data reaches it: not when it is off, has failed, or the data is over."""
        self.listening = self.state.on and not self.state.failed and not ended
        if ended:
            self.state.closing = []

    def note(self, level: Any, text: str, location: str = "", command_id: str | None = None) -> Note:
        """A note in its name; with a command's id, the answer to it."""
        return Note(
            strategy=self.name,
            ts=self.context.now,
            level=level,
            text=text[:_LINE_MAX],
            location=location,
            command_id=command_id,
        )

    # --- Snapshot ------------------------------------------------------------------------------------

    def saved(self) -> HostState:
        """The state for a snapshot."""
        state, context = self.state, self.context
        state.own = self._own.dump_json(self.strategy.state).decode()
        state.cold, state.prices, state.regimes = context.cold, context.prices, context.regimes
        state.at, state.book = context.at, context.book
        return state

    def resume(self, state: HostState, *, ended: bool) -> None:
        """Take over a `saved` state. ValueError when the strategy's state has other fields."""
        if (state.name, state.source) != (self.spec.name, self.spec.source):
            raise ValueError(
                f"a snapshot of {state.name} ({state.source}), not {self.name} ({self.spec.source})"
            )
        try:
            self.strategy.state = self._own.validate_json(state.own)
        except ValidationError as error:
            raise ValueError(
                f"the state of {self.name} does not fit its class: {error.errors()[0]}"
            ) from error
        self.state, context = state, self.context
        context.cold, context.prices, context.regimes = state.cold, state.prices, state.regimes
        context.at, context.book = state.at, state.book
        self.listen(ended=ended)

    # --- Inside --------------------------------------------------------------------------------------

    def _count(self, instrument: str) -> None:
        left = self.context.cold.get(instrument)
        if left is not None:
            if left > 1:
                self.context.cold[instrument] = left - 1
            else:
                del self.context.cold[instrument]

    def _put_out(
        self, intents: Intents, event: str, callback: Callable[..., Intents]
    ) -> list[Message] | None:
        """Number what a callback returned; all of it or, when anything is wrong with it, nothing."""
        if type(intents) is Wish:
            if self._passes(intents):
                return [self._signal(intents)]
            self.state.held_back += 1
            return None
        single = isinstance(intents, Remark)
        try:
            wanted = [cast(Remark, intents)] if single else list(intents)  # type: ignore[arg-type]
            for each in wanted:
                if not isinstance(each, Wish | Remark):
                    raise TypeError(  # noqa: TRY301
                        f"{event} must return what long, short, flat or note make, not {type(each).__name__}"
                    )
        except Exception as error:
            return self._fail(error, event, callback)
        outputs: list[Message] = []
        for each in wanted:
            if isinstance(each, Remark):
                outputs.append(self.note(each.level, each.text))
            elif self._passes(each):
                outputs.append(self._signal(each))
            else:
                self.state.held_back += 1
        return outputs or None

    def _passes(self, wish: Wish) -> bool:
        """Not when it is off, the data is over, or it warms up; what it still holds it may close."""
        if not self.listening:
            return False
        closes = wish.direction is Direction.FLAT and self.context.book.position(wish.instrument) != 0
        return closes or wish.instrument not in self.context.cold

    def _signal(self, wish: Wish) -> Signal:
        state, context = self.state, self.context
        state.signals += 1
        now, row = context.now, context.row
        signal_id = make_id("s", self._session_id, self.name, wish.instrument, now, state.signals)
        context.book.pending[signal_id] = wish.instrument
        return Signal(
            signal_id=signal_id,
            strategy=self.name,
            instrument=wish.instrument,
            ts=now,
            ordinal=state.signals,
            direction=wish.direction,
            confidence=wish.confidence,
            target_kind=wish.target_kind,
            target=wish.target,
            price=wish.price,
            style=wish.style,
            regime=context.regime(wish.instrument),
            features_ref=f"{row.set_version}/{row.instrument}/{row.ts}" if row is not None else "",
            metadata=wish.metadata,
            volatility=wish.volatility,
        )

    def _fail(self, error: Exception, event: str, callback: Callable[..., Any]) -> list[Message]:
        """Stop the strategy, say where it went wrong, and want to be flat wherever it is exposed."""
        self.state.failed = True
        self.state.errors += 1
        self.listening = False
        what = _ADDRESS.sub("", f"{type(error).__name__}: {error}").replace("\n", " ")
        row = self.context.row
        place = f" of {row.instrument}" if row is not None else ""
        text = f"{what} in {event}{place} at {rfc3339(self.context.now)}; {self.name} is stopped"
        outputs: list[Message] = [self.note("error", text, self._location(error, callback))]
        self.state.closing = self.context.book.exposed()
        for instrument in self.state.closing:
            outputs += self._flat(instrument)
        return outputs

    def _flat(self, instrument: str) -> list[Message]:
        price = self.context.price(instrument)
        if price is None:  # nothing it was shown tells what it is worth: the next row of it will
            return []
        return [self._signal(Wish(instrument, Direction.FLAT, price))]

    def _bring_flat(self, columns: Columns, row: int) -> list[Message] | None:
        """On fresh data of an instrument that a failed strategy still holds: ask again to be flat."""
        instrument, book = columns.instrument, self.context.book
        if instrument not in self.state.closing or book.busy(instrument):
            return None
        if not book.position(instrument):
            self.state.closing.remove(instrument)
            return None
        self.context.row = Bar(columns, {}, row) if columns.is_bars else Row(columns, {}, row)
        return self._flat(instrument)

    def _location(self, error: Exception, callback: Callable[..., Intents]) -> str:
        """File and line: the innermost in the strategy's own file, else where the callback begins."""
        own = [line for frame, line in walk_tb(error.__traceback__) if frame.f_code.co_filename == self._file]
        if own:
            return f"{PurePath(self._file).name}:{own[-1]}"
        code = getattr(callback, "__code__", None)
        if code is None:
            return PurePath(self._file).name
        return f"{PurePath(code.co_filename).name}:{code.co_firstlineno}"
