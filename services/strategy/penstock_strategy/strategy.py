"""The interface that users write against: one class, typed parameters, declared state."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from math import inf
from typing import Any, ClassVar, Generic, TypeVar, get_args, get_origin

from penstock_contracts.instrument import Instrument
from penstock_contracts.market import Gap, InstrumentStatus
from penstock_contracts.orders import OrderApproved, SignalRefused, TradingStateChanged
from penstock_contracts.signals import PLAIN, OrderStyle
from penstock_contracts.types import Direction, TargetKind
from penstock_contracts.venue import Fill, OrderAccepted, OrderChanged, OrderSubmitted
from penstock_kernel.declarations import BarSpec, FeatureSpec, RowSpec
from pydantic import BaseModel, ConfigDict

from penstock_strategy.context import Context
from penstock_strategy.intents import Intents, Number, Remark, Wish, decimal, target_of
from penstock_strategy.stretch import Stretch
from penstock_strategy.views import Bar, Row

EACH = "each"
"""As the `other` of a feature: one feature for each other instrument, called `<name>.<its key>`."""


class Parameters(BaseModel):
    """Base of a strategy's parameters: typed, bounded, immutable, no others accepted."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass
class NoState:
    """The state of a strategy that keeps none."""


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature to declare: a function of the features service with its parameters."""

    function: str
    parameters: Mapping[str, int | float] = field(default_factory=dict)
    other: str | None = None
    """The instrument that it compares with, or EACH."""


def feature(function: str, *, other: str | None = None, **parameters: int | float) -> Feature:
    """A feature to declare, as in `feature("ema", period=20)`; those of two instruments name the `other`."""
    return Feature(function, parameters, other)


@dataclass(frozen=True, slots=True)
class Needs:
    """What a strategy needs to see."""

    bars: Sequence[BarSpec] = ()
    rows: Sequence[RowSpec] = ()
    warm_up: int = 0
    """How many bars of each instrument (its shortest interval; rows where it declares no bars) go by before
    a signal in it passes. The strategy sees them; what it wants meanwhile is held back."""


OrderEvent = OrderApproved | OrderSubmitted | OrderAccepted | OrderChanged
P = TypeVar("P", bound=Parameters)
S = TypeVar("S")


class Strategy(Generic[P, S]):
    """A strategy: override `declare` and the callbacks that you need.

    A callback returns nothing, one signal, several, or is a generator of them; `long`, `short`, `flat` and
    `note` make them. It must be a function of what it is given and of `self.state`: no clock, no files,
    no randomness. Whatever must survive a restart is a field of the state; other attributes cannot be set.
    """

    parameters_type: ClassVar[type[Parameters]] = Parameters
    state_type: ClassVar[type[Any]] = NoState

    parameters: P
    state: S
    context: Context

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Take the types of parameters and state from `Strategy[...]`."""
        super().__init_subclass__(**kwargs)
        for base in cls.__dict__.get("__orig_bases__", ()):
            if isinstance(get_origin(base), type) and issubclass(get_origin(base), Strategy):
                parameters, state = (*get_args(base), None, None)[:2]
                if isinstance(parameters, type):
                    cls.parameters_type = parameters
                if state is not None and not isinstance(state, TypeVar):
                    cls.state_type = state

    def __init__(self, context: Context, parameters: P, state: S) -> None:
        put = super().__setattr__
        put("context", context)
        put("parameters", parameters)
        put("state", state)

    def __setattr__(self, name: str, value: Any) -> None:
        """Only the state changes: anything else would be lost with a restart."""
        if name != "state" or type(value) is not self.state_type:
            raise AttributeError(
                f"{type(self).__name__}.{name} cannot be set: declare it as a field of its state "
                f"({self.state_type.__name__}), which survives a restart"
            )
        super().__setattr__(name, value)

    # --- To override ---------------------------------------------------------------------------------

    def declare(self) -> Needs:
        """What it needs to see: a function of `parameters`, `instruments` and `interval`."""
        raise NotImplementedError(f"{type(self).__name__} does not declare what it needs")

    def on_start(self) -> Intents:
        """Before the first data."""

    def on_bar(self, bar: Bar) -> Intents:
        """On every complete bar that it declared."""

    def quiet_bars(self, bars: Stretch) -> int | None:
        """How many leading bars of a stretch need not be shown: `on_bar` would return nothing for any of
        them, and leave the state as it is. Declaring it makes long histories fast; it changes no result. It
        is asked only while no bars count for a warm-up, and not inherited by a class with another `on_bar`.
        """

    def on_row(self, row: Row) -> Intents:
        """On every trade or quote that it declared."""

    def on_mark(self, ts: int) -> Intents:
        """At every mark. Declaring it keeps quiet stretches from being skipped: leave it if you can."""

    def on_order(self, event: OrderEvent) -> Intents:
        """On what happens to one of its orders, fills apart."""

    def on_fill(self, fill: Fill) -> Intents:
        """On a fill of one of its orders; `position` has it already."""

    def on_refused(self, refusal: SignalRefused) -> Intents:
        """When risk refused one of its signals."""

    def on_trading_disabled(self, change: TradingStateChanged) -> Intents:
        """When trading is no longer active: reducing (it may still close) or halted (nothing passes)."""

    def on_trading_enabled(self, change: TradingStateChanged) -> Intents:
        """When trading is active again."""

    def on_disconnect(self, gap: Gap) -> Intents:
        """When data of one of its instruments is missing: the feed was cut off, or lost some."""

    def on_status(self, status: InstrumentStatus) -> Intents:
        """When one of its instruments is halted, in auction, closed, or trades again."""

    def close_positions(self) -> Intents:
        """What it wants in order to be flat, when an operator switches it off and closes it.

        By default flat at market in each instrument; override it to close in another way.
        """
        return [self.flat(key, reason="close") for key in self.instruments if self.position(key)]

    # --- To ask --------------------------------------------------------------------------------------

    @property
    def instruments(self) -> tuple[str, ...]:
        """Keys of the instruments that it was given."""
        return self.context.instruments

    @property
    def interval(self) -> int:
        """The bar interval that it was given, ns."""
        return self.context.interval

    @property
    def now(self) -> int:
        """Event time of what it reacts to, ns UTC."""
        return self.context.now

    @property
    def capital(self) -> Decimal:
        """Its share of the account's capital at the session's start, in account currency."""
        return self.context.capital

    def definition(self, instrument: str) -> Instrument:
        """The instrument as it is defined now. KeyError for one that it was not given."""
        return self.context.definitions[instrument]

    def position(self, instrument: str) -> Decimal:
        """Its own signed position: the sum of its fills."""
        return self.context.book.position(instrument)

    def average_price(self, instrument: str) -> Decimal | None:
        """Average price of its open position; None when flat."""
        holding = self.context.book.holdings.get(instrument)
        return holding.average_price if holding is not None else None

    def price(self, instrument: str) -> Decimal | None:
        """The last price that it was shown; None before the first."""
        return self.context.price(instrument)

    def warm(self, instrument: str) -> bool:
        """Whether its signals in the instrument pass."""
        return instrument not in self.context.cold

    # --- To declare and to want ----------------------------------------------------------------------

    def bars(
        self, *, of: str | None = None, every: int | None = None, **features: Feature
    ) -> tuple[BarSpec, ...]:
        """Bars of all its instruments, or `of` one, with features; `every` is ns, by default its interval."""
        return tuple(
            BarSpec(
                instrument=key,
                interval=every or self.interval,
                features=_specs(features, key, self.instruments),
            )
            for key in ((of,) if of is not None else self.instruments)
        )

    def feature_set(self, name: str) -> dict[str, Feature]:
        """The features of a set of the configuration, for `self.bars(**self.feature_set("trend"))`.

        ValueError when the session has no such set.
        """
        found = self.context.feature_sets.get(name)
        if found is None:
            there = ", ".join(self.context.feature_sets) or "none"
            raise ValueError(f"the session has no feature set {name!r}; it has {there}")
        return {each.name: Feature(each.function, each.parameters, each.other) for each in found.features}

    def trades(self, **features: Feature) -> tuple[RowSpec, ...]:
        """A row on every trade of all its instruments."""
        return tuple(
            RowSpec(instrument=key, trigger="trade", features=_specs(features, key, self.instruments))
            for key in self.instruments
        )

    def quotes(self, **features: Feature) -> tuple[RowSpec, ...]:
        """A row on every quote of all its instruments."""
        return tuple(
            RowSpec(instrument=key, trigger="quote", features=_specs(features, key, self.instruments))
            for key in self.instruments
        )

    def long(
        self,
        instrument: str,
        *,
        fraction: Number | None = None,
        quantity: Number | None = None,
        notional: Number | None = None,
        style: OrderStyle | None = None,
        confidence: float = 1.0,
        price: Number | None = None,
        volatility: float | None = None,
        **metadata: str,
    ) -> Wish:
        """Be long by a fraction of its capital, a quantity or a notional; none of them: sized by risk.

        `price` is what it was decided on, by default the last one seen; `volatility`, the deviation of one
        bar's returns, is for risk that sizes by it. ValueError for what cannot be.
        """
        target = target_of(fraction, quantity, notional)
        return self._wish(instrument, Direction.LONG, target, style, confidence, price, metadata, volatility)

    def short(
        self,
        instrument: str,
        *,
        fraction: Number | None = None,
        quantity: Number | None = None,
        notional: Number | None = None,
        style: OrderStyle | None = None,
        confidence: float = 1.0,
        price: Number | None = None,
        volatility: float | None = None,
        **metadata: str,
    ) -> Wish:
        """Be short; otherwise as `long`."""
        target = target_of(fraction, quantity, notional)
        return self._wish(instrument, Direction.SHORT, target, style, confidence, price, metadata, volatility)

    def flat(
        self,
        instrument: str,
        *,
        style: OrderStyle | None = None,
        price: Number | None = None,
        **metadata: str,
    ) -> Wish:
        """Be flat: what works is cancelled, what is open is closed."""
        target = (TargetKind.RISK, Decimal(0))
        return self._wish(instrument, Direction.FLAT, target, style, 1.0, price, metadata)

    def note(self, text: str, *, warning: bool = False) -> Remark:
        """A line for the operator."""
        return Remark("warning" if warning else "info", text)

    def _wish(
        self,
        instrument: str,
        direction: Direction,
        target: tuple[TargetKind, Decimal],
        style: OrderStyle | None,
        confidence: float,
        price: Number | None,
        metadata: dict[str, str],
        volatility: float | None = None,
    ) -> Wish:
        if instrument not in self.context.instruments:
            raise ValueError(f"{instrument} is not one of its instruments: {', '.join(self.instruments)}")
        if not 0 <= confidence <= 1:
            raise ValueError(f"confidence must be from 0 to 1, not {confidence}")
        if volatility is not None and not 0 < volatility < inf:
            raise ValueError(f"volatility must be above 0, not {volatility}")
        exact = decimal(price, "price") if price is not None else self.price(instrument)
        if exact is None:
            raise ValueError(f"no price of {instrument} was seen yet")
        if exact <= 0:
            raise ValueError(f"the price of {instrument} must be positive, not {exact}")
        return Wish(
            instrument=instrument,
            direction=direction,
            target_kind=target[0],
            target=target[1],
            style=style if style is not None else PLAIN,
            confidence=float(confidence),
            price=exact,
            volatility=volatility,
            metadata={name: str(value) for name, value in metadata.items()} if metadata else {},
        )


def _specs(
    features: Mapping[str, Feature], instrument: str, instruments: Sequence[str]
) -> tuple[FeatureSpec, ...]:
    """The features of one instrument; one that compares with EACH stands for one with each of the others."""
    specs: list[FeatureSpec] = []
    for name, each in features.items():
        if not isinstance(each, Feature):
            raise TypeError(f"{name} must be what feature() makes, not {each!r}")
        others = [key for key in instruments if key != instrument] if each.other == EACH else [each.other]
        for other in others:
            called = f"{name}.{other}" if each.other == EACH else name
            parameters = dict(each.parameters)
            specs.append(FeatureSpec(name=called, function=each.function, parameters=parameters, other=other))
    return tuple(specs)
