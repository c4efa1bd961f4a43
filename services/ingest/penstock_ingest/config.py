"""What ingest is told: sources, speed, and how files are to be read."""

import re
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

from penstock_contracts.subjects import slug
from penstock_contracts.types import InstrumentKey, Ns, Positive, Scale
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

NS_PER = {
    "ns": 1,
    "us": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
    "d": 86_400 * 10**9,
}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ns|us|ms|s|m|h|d)")
_SPEED = re.compile(r"(\d+(?:\.\d+)?)x")
_SYNTHETIC_START: int = 1_767_225_600 * 10**9


class Source(NamedTuple):
    """A source as it is named: `replay:FILE`, `recording:SESSION` or `synthetic[:SEED]`."""

    kind: Literal["replay", "recording", "synthetic"]
    path: str = ""
    seed: int | None = None


def parse_source(text: str) -> Source:
    """The parts of a source's name. ValueError says which names there are."""
    kind, _, rest = text.partition(":")
    if kind == "replay" and rest:
        return Source("replay", path=rest)
    if kind == "recording" and rest:
        return Source("recording", path=rest)
    if text == "synthetic":
        return Source("synthetic")
    if kind == "synthetic" and re.fullmatch(r"\d{1,18}", rest):
        return Source("synthetic", seed=int(rest))
    raise ValueError(
        f"no source is named {text!r}: use replay:FILE, recording:SESSION, synthetic or synthetic:SEED "
        "(a whole number)"
    )


def parse_speed(text: str) -> float | None:
    """Event seconds per wall second, or None for as fast as the stages follow. ValueError otherwise."""
    if text == "max":
        return None
    match = _SPEED.fullmatch(text)
    if match is None or float(match[1]) <= 0:
        raise ValueError(f"no speed is named {text!r}: use 1x, 60x (any number above 0) or max")
    return float(match[1])


def parse_duration(value: object) -> object:
    """Text such as `90s`, `2m` or `1.5h` as ns; anything else as it is."""
    if not isinstance(value, str):
        return value
    match = _DURATION.fullmatch(value.strip())
    if match is None:
        raise ValueError(
            f"no duration is written {value!r}: use a number and ns, us, ms, s, m, h or d, as in 2m"
        )
    return int(Decimal(match[1]) * NS_PER[match[2]])


def _known_source(text: str) -> str:
    parse_source(text)
    return text


def _known_speed(text: str) -> str:
    parse_speed(text)
    return text


def _slugs(symbols: dict[str, Any]) -> dict[str, Any]:
    for symbol in symbols:
        if slug(symbol) != symbol or "-" not in symbol:
            raise ValueError(f"symbol {symbol!r}: write base and quote in small letters, as in btc-usdt")
    return symbols


Duration = Annotated[int, BeforeValidator(parse_duration), Field(gt=0, le=2**63 - 1)]


class SyntheticConfig(BaseModel):
    """The invented market: what it trades and how lively it is."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    seed: int = Field(default=1, ge=0, lt=10**18)
    """Same seed, same market. `synthetic:SEED` overrides it."""
    start: Ns = _SYNTHETIC_START
    """Event time at which the market begins, ns. At 1x the wall time, so that event time is the clock's."""
    symbols: Annotated[dict[str, Positive], AfterValidator(_slugs)] = Field(
        default={"btc-usdt": Decimal(60000), "eth-usdt": Decimal(3000), "sol-usdt": Decimal(150)},
        min_length=1,
    )
    """Symbols and the prices that they start at."""
    rate: float = Field(default=5.0, ge=0.1, le=20_000)
    """Trades per second and symbol, on average, bursts apart."""
    volatility: float = Field(default=0.8, ge=0, le=10)
    """Of a year's log returns in the calm regimes; the volatile one has three times as much."""
    correlation: float = Field(default=0.6, ge=0, le=1)
    """Of the returns of any two symbols."""
    regimes: bool = True
    """Trends, ranges and volatile stretches of 10 to 30 s in turn; otherwise a random walk."""
    jumps: float = Field(default=0.2, ge=0, le=10)
    """Sudden moves of 0.1 to 0.5 % per minute and symbol."""
    bursts: float = Field(default=1.0, ge=0, le=20)
    """Stretches of 1 to 3 s with five times the trades, per minute and symbol."""
    quotes: bool = False
    """Ten top-of-book quotes a second and symbol beside the trades."""
    malformed: int = Field(default=0, ge=0, le=1_000_000)
    """Number of faulty rows injected over the first minute of event time, all kinds in turn."""


class IngestConfig(BaseModel):
    """The section `ingest` of the configuration."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    sources: tuple[Annotated[str, AfterValidator(_known_source)], ...] = Field(
        default=("synthetic",), min_length=1
    )
    """`replay:FILE`, `synthetic`, `synthetic:SEED`, several at once; or `recording:SESSION`, alone."""
    speed: Annotated[str, AfterValidator(_known_speed)] = "1x"
    """`1x`, any `<number>x`, or `max`."""
    stepped: bool = False
    """Stand still until a `step` command asks for the next interval; with `speed = "max"`."""
    duration: Duration | None = None
    """Event time after which the session ends, ns or text such as `2m`; none: when the data does."""
    grid: Duration | None = None
    """Distance of the marks, ns; none: 100 ms, or the interval of bar files when there is nothing else."""
    instruments_file: Path | None = None
    """Definitions of instruments (`instruments.toml`); none: inferred, with a warning."""
    rates: tuple[InstrumentKey, ...] = ()
    """Instruments whose prices are rates of exchange, such as `eur-usd.replay` or `eur-usd.synthetic`; beside
    files of rates."""
    rate_interval: Duration = 60 * NS_PER["m"]
    """Least distance of two rates from the prices of one instrument, ns or text such as `15m`."""
    columns: dict[str, str] = {}
    """Which column holds what, where the name does not say it: `{"ts": "when", "open": "o"}`. For a file
    without a header line the column's number, from 1."""
    format: str = "auto"
    """How times are written: `auto`, `iso`, an epoch's unit `s`, `ms`, `us`, `ns`, or a strptime pattern."""
    bar_time: Literal["auto", "start", "end"] = "auto"
    """Which end of a bar its time is."""
    bar_interval: Duration | None = None
    """Length of a bar, ns; none: the most frequent distance of two bars."""
    price_decimals: Scale | None = None
    """Decimals of prices in the columns; none: as many as the prices have. Rows with more are quarantined."""
    size_decimals: Scale | None = None
    """The same for sizes and volumes."""
    price_jump_max: float = Field(default=0.5, gt=0, le=1000)
    """A price above (1 + this) times the last, or below the last divided by it, is held until the next row
    confirms it, and quarantined if it does not."""
    batch_rows: int = Field(default=4096, ge=1, le=100_000)
    """Most rows of one message."""
    synthetic: SyntheticConfig = SyntheticConfig()

    @model_validator(mode="after")
    def _steps_have_no_clock(self) -> Self:
        if self.stepped and self.speed_factor is not None:
            raise ValueError('stepped: goes with speed = "max" only, for its time does not follow the clock')
        return self

    @property
    def speed_factor(self) -> float | None:
        """Event seconds per wall second; None for as fast as the stages follow."""
        return parse_speed(self.speed)
