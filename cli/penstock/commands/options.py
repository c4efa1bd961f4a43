"""Options that several commands share, and the configuration that they add up to."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from penstock.config.load import ConfigOptions, Flag
from penstock.errors import ConfigError
from penstock.launch.paths import DEFAULT_DATA_DIR, DEFAULT_OUT_DIR

MARKET, TRADING, CONFIGURATION, PLACE = "Market", "Trading", "Configuration", "Where and how"

Source = Annotated[
    list[str] | None,
    typer.Option(
        "--source", metavar="SOURCE", rich_help_panel=MARKET,
        help="replay:FILE or synthetic[:SEED] (several at once), recording:SESSION. Default: synthetic.",
    ),
]  # fmt: skip
Instrument = Annotated[
    list[str] | None,
    typer.Option(
        "--instrument", metavar="KEY", rich_help_panel=MARKET,
        help="Trade only this one, SYMBOL.VENUE; repeat for several. Default: all of the sources.",
    ),
]  # fmt: skip
InstrumentsFile = Annotated[
    Path | None,
    typer.Option(
        "--instruments", metavar="FILE", rich_help_panel=MARKET, help="Definitions: instruments.toml."
    ),
]
Columns = Annotated[
    str | None,
    typer.Option(
        "--columns", metavar="NAME=COLUMN,…", rich_help_panel=MARKET,
        help="Which column of a file holds what, where its name does not say it: ts=when,open=o.",
    ),
]  # fmt: skip
TimeFormat = Annotated[
    str | None,
    typer.Option(
        "--format", metavar="FORMAT", rich_help_panel=MARKET,
        help="How a file writes times: iso, s, ms, us, ns, or a strptime pattern.",
    ),
]  # fmt: skip
Speed = Annotated[
    str | None,
    typer.Option("--speed", metavar="1x|60x|max", rich_help_panel=MARKET, help="Of the market. Default: 1x."),
]
Duration = Annotated[
    str | None,
    typer.Option(
        "--duration", metavar="TIME", rich_help_panel=MARKET,
        help="Ends the session after so long, in event time: 90s, 2m, 1.5h. Default: when the data end.",
    ),
]  # fmt: skip
Strategy = Annotated[
    list[str] | None,
    typer.Option(
        "--strategy", metavar="STRATEGY", rich_help_panel=TRADING,
        help="name, name:param=value,… or file.py:Class; repeat for several. Default: ma_cross.",
    ),
]  # fmt: skip
Capital = Annotated[
    str | None,
    typer.Option("--capital", metavar='"AMOUNT CUR"', rich_help_panel=TRADING, help="Default: 100000."),
]
Profile = Annotated[
    str | None,
    typer.Option(
        "--profile", metavar="NAME", rich_help_panel=CONFIGURATION,
        help="conservative (default), moderate, aggressive or open.",
    ),
]  # fmt: skip
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", rich_help_panel=CONFIGURATION,
        help="Configuration file (TOML), or template:NAME for one of `penstock config templates`.",
    ),
]  # fmt: skip
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="PATH=VALUE", rich_help_panel=CONFIGURATION,
        help="Any configured value, such as risk.trades_max=10; repeat for several.",
    ),
]  # fmt: skip
ApiPort = Annotated[
    int | None,
    typer.Option("--api-port", metavar="PORT", rich_help_panel=PLACE, help="Of the API on 127.0.0.1."),
]
Out = Annotated[
    Path,
    typer.Option("--out", metavar="DIR", rich_help_panel=PLACE, help="Reports go to DIR/<session>."),
]
DataDirectory = Annotated[
    Path,
    typer.Option(
        "--data-dir", metavar="DIR", envvar="PENSTOCK_DATA_DIR", rich_help_panel=PLACE,
        help="Everything that Penstock keeps: log, database, sessions.",
    ),
]  # fmt: skip
Fused = Annotated[
    bool,
    typer.Option(
        "--fused", rich_help_panel=PLACE, help="All stages in one process: the same messages, faster."
    ),
]
Standby = Annotated[
    list[str] | None,
    typer.Option(
        "--standby", metavar="STAGE", rich_help_panel=PLACE,
        help="Run a second copy of risk or execution that takes over at once; repeatable.",
    ),
]  # fmt: skip
Live = Annotated[
    bool,
    typer.Option(
        "--live", rich_help_panel=TRADING,
        help="Send orders to the live venue that the configuration names. Refused until it names one.",
    ),
]  # fmt: skip
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

DATA_DIR, OUT_DIR = DEFAULT_DATA_DIR, DEFAULT_OUT_DIR


@dataclass(frozen=True, slots=True)
class MarketFlags:
    """The flags that say what is traded."""

    source: list[str] | None = None
    instrument: list[str] | None = None
    instruments: Path | None = None
    columns: str | None = None
    format: str | None = None
    speed: str | None = None
    duration: str | None = None
    strategy: list[str] | None = None
    capital: str | None = None
    api_port: int | None = None

    def flags(self) -> tuple[Flag, ...]:
        """Those that were given, as configured values."""
        pairs = (
            ("--source", "ingest.sources", self.source),
            ("--instrument", "run.instruments", self.instrument),
            (
                "--instruments",
                "ingest.instruments_file",
                None if self.instruments is None else str(self.instruments),
            ),
            ("--columns", "ingest.columns", None if self.columns is None else _columns(self.columns)),
            ("--format", "ingest.format", self.format),
            ("--speed", "ingest.speed", self.speed),
            ("--duration", "ingest.duration", self.duration),
            ("--strategy", "run.strategies", self.strategy),
            ("--capital", "run.capital", self.capital),
            ("--api-port", "api.port", self.api_port),
        )
        return tuple(
            Flag(name, path, value) for name, path, value in pairs if value is not None and value != []
        )


def config_options(
    market: MarketFlags, profile: str | None, file: Path | None, settings: list[str] | None
) -> ConfigOptions:
    """Everything that a command line says of the configuration."""
    return ConfigOptions(profile, file, market.flags(), tuple(settings or ()))


def _columns(text: str) -> dict[str, str]:
    columns: dict[str, str] = {}
    for pair in text.split(","):
        name, equals, column = (part.strip() for part in pair.partition("="))
        if not equals or not name or not column or name in columns:
            raise ConfigError(f"--columns {text}: {pair!r} is not name=column, each name once")
        columns[name] = column
    return columns
