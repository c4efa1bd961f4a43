"""`penstock halt|reduce|resume|flatten|close|cancel`: steer the running session, all of it or a part."""

import contextlib
from dataclasses import replace
from typing import Annotated

import typer
from penstock_contracts.control import Verb
from rich.console import Console

from penstock.commands import options
from penstock.commands.output import console
from penstock.errors import CannotRun, CommandError
from penstock.launch.commands import NOTHING_NAMED, Part, command
from penstock.launch.giving import give
from penstock.launch.paths import DataDir, Running
from penstock.launch.reach import running_session

ONLY = "Only a part"

Reason = Annotated[str, typer.Option("--reason", help="Kept in the log with the command.")]
Venue = Annotated[
    str | None, typer.Option("--venue", metavar="VENUE", rich_help_panel=ONLY, help="Of its instruments.")
]
Instrument = Annotated[
    str | None,
    typer.Option("--instrument", metavar="KEY", rich_help_panel=ONLY, help="As `status` shows it."),
]
Underlying = Annotated[
    str | None,
    typer.Option(
        "--underlying", metavar="CURRENCY", rich_help_panel=ONLY, help="Of instruments with this base: BTC."
    ),
]
Strategy = Annotated[
    str | None,
    typer.Option("--strategy", metavar="NAME", rich_help_panel=ONLY, help="Of this strategy."),
]


def halt(
    reason: Reason = "operator",
    venue: Venue = None,
    instrument: Instrument = None,
    underlying: Underlying = None,
    strategy: Strategy = None,
    data_dir: options.DataDirectory = options.DATA_DIR,
) -> None:
    """Stop trading now: cancel what works, send nothing new. Positions stay; `penstock resume` ends it.

    With a filter only that part is halted, and the rest trades on. Goes through the session's api, where that
    does not accept it through the log; a halt of everything, where neither is reached, through the kill file.
    """
    part = Part(venue, instrument, underlying, strategy)
    place = DataDir.at(data_dir)
    if part != NOTHING_NAMED:
        _give(running_session(place), "halt", reason, part)
        return
    running = place.running()
    if running is not None:
        try:
            _give(running, "halt", reason, part)
            return
        except CannotRun as error:
            Console(stderr=True).print(f"{error}; writing the kill file", markup=False)
    place.path.mkdir(parents=True, exist_ok=True)
    place.kill_file.touch()
    with contextlib.suppress(OSError):  # a full disk: that the file is there is what halts
        place.kill_file.write_text(f"{reason}\n", encoding="utf-8")
    console().print(f"wrote {place.kill_file}: a session that runs here halts, one that starts too")


def reduce(
    reason: Reason = "operator",
    venue: Venue = None,
    instrument: Instrument = None,
    underlying: Underlying = None,
    strategy: Strategy = None,
    data_dir: options.DataDirectory = options.DATA_DIR,
) -> None:
    """Let only orders pass that bring positions nearer to zero, until `resume`; cancel all others."""
    part = Part(venue, instrument, underlying, strategy)
    _give(running_session(DataDir.at(data_dir)), "reduce", reason, part)


def resume(
    reason: Annotated[str, typer.Option("--reason", help="Why trading may go on.", show_default=False)],
    venue: Venue = None,
    instrument: Instrument = None,
    underlying: Underlying = None,
    strategy: Strategy = None,
    data_dir: options.DataDirectory = options.DATA_DIR,
) -> None:
    """Go on trading after a halt, a reduction or a flatten. Needs a reason.

    With a filter the holds that lie within it end; without one everything goes on, parts that are held too.
    """
    place = DataDir.at(data_dir)
    running = running_session(place)
    if place.kill_file.exists():
        raise CommandError(f"{place.kill_file} is there; remove it first")
    _give(running, "resume", reason, Part(venue, instrument, underlying, strategy))


def flatten(
    reason: Reason = "operator",
    venue: Venue = None,
    instrument: Instrument = None,
    underlying: Underlying = None,
    strategy: Strategy = None,
    override: Annotated[
        bool, typer.Option("--override", help="Also while halted: orders go out to close positions.")
    ] = False,
    data_dir: options.DataDirectory = options.DATA_DIR,
) -> None:
    """Cancel what works and close positions at market; then only reductions pass, until `resume`."""
    part = Part(venue, instrument, underlying, strategy)
    _give(running_session(DataDir.at(data_dir)), "flatten", reason, part, override=override)


def close(
    reason: Reason = "operator",
    venue: Venue = None,
    instrument: Instrument = None,
    underlying: Underlying = None,
    strategy: Strategy = None,
    data_dir: options.DataDirectory = options.DATA_DIR,
) -> None:
    """Close the positions of a part at market, cancelling what works there; its strategies trade on.

    Needs a filter; `penstock flatten` is for everything, and keeps it closed.
    """
    part = Part(venue, instrument, underlying, strategy)
    if part == NOTHING_NAMED:
        raise CommandError(
            "close: name a --strategy, --instrument, --venue or --underlying",
            hint="`penstock flatten` closes everything",
        )
    _give(running_session(DataDir.at(data_dir)), "close", reason, part)


def cancel(
    order: Annotated[
        str | None, typer.Option("--order", metavar="ID", rich_help_panel=ONLY, help="This order.")
    ] = None,
    reason: Reason = "operator",
    venue: Venue = None,
    instrument: Instrument = None,
    underlying: Underlying = None,
    strategy: Strategy = None,
    data_dir: options.DataDirectory = options.DATA_DIR,
) -> None:
    """Cancel working orders: one, those of a part, or all. Strategies may send new ones."""
    part = Part(venue, instrument, underlying, strategy)
    _give(running_session(DataDir.at(data_dir)), "cancel", reason, part, order_id=order)


def _give(
    running: Running,
    verb: Verb,
    reason: str,
    part: Part,
    *,
    override: bool = False,
    order_id: str | None = None,
) -> None:
    if not reason.strip():
        raise CommandError(f"{verb}: --reason must say something")
    try:
        order = replace(command(verb, reason, by="cli", override=override, part=part), order_id=order_id)
    except ValueError as error:
        raise CommandError(f"{verb}: {error}") from error
    told = give(running, order, insist=verb == "halt" and part == NOTHING_NAMED)
    did = verb + ":" if told.state != told.previous else told.reason + ";"
    held = f" ({'; '.join(told.holds)})" if told.holds else ""
    console().print(f"{did} trading is {told.state}{held}", markup=False, soft_wrap=True)
