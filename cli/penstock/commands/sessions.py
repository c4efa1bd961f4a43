"""`penstock sessions list|show|clean`, `penstock logs`: what a data directory remembers."""

import json
import time
from pathlib import Path
from typing import Annotated

import typer
from penstock_ingest.config import parse_duration
from penstock_research.report.final import FinalReport, utc
from pydantic import ValidationError
from rich.table import Table

from penstock.commands import options
from penstock.commands.output import console
from penstock.commands.summary import print_report
from penstock.errors import CommandError, ConfigError
from penstock.launch.cleaning import Rules, remove, survey, to_remove
from penstock.launch.paths import DataDir, SessionFolder

app = typer.Typer(help="Past and running sessions.", no_args_is_help=True)

POLL_S = 0.3
UNITS = {"K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


@app.callback()
def _group() -> None:
    """Past and running sessions."""


@app.command("list")
def list_sessions(data_dir: options.DataDirectory = options.DATA_DIR, as_json: options.Json = False) -> None:
    """List all sessions of the data directory, the oldest first."""
    place = DataDir.at(data_dir)
    records = [folder.read() for folder in place.sessions()]
    if as_json:
        typer.echo(json.dumps([each.model_dump(mode="json") for each in records], indent=2))
        return
    running = place.running()
    table = Table(
        "session", "started", "status", "stopped by", "source", "strategies", box=None, header_style="dim"
    )
    for each in records:
        status = _status(each.status, running is not None and running.session_id == each.session_id)
        table.add_row(
            each.session_id,
            utc(each.created_at)[:19] + "Z",
            status,
            each.stop_reason,
            each.source,
            ", ".join(each.strategies),
        )
    console().print(table)


@app.command("show")
def show_session(
    session: Annotated[str | None, typer.Argument(help="A session's id; default: the last.")] = None,
    data_dir: options.DataDirectory = options.DATA_DIR,
    as_json: options.Json = False,
) -> None:
    """Show what became of a session, with its report when it has ended."""
    folder = find_session(DataDir.at(data_dir), session)
    record = folder.read()
    file = record.out / record.session_id / "final_report.json"
    report = _report(file) if record.status == "ended" else None
    if as_json:
        document = {"session": record.model_dump(mode="json"), "report": report and report.model_dump()}
        typer.echo(json.dumps(document, indent=2))
        return
    if report is not None:
        print_report(console(), report, file.parent)
        return
    for name, value in record.model_dump(mode="json").items():
        console().print(f"[dim]{name}[/] {value}")


@app.command("clean")
def clean_sessions(
    older_than: Annotated[
        str | None, typer.Option("--older-than", metavar="AGE", help="Those created longer ago: 30d, 12h.")
    ] = None,
    size: Annotated[
        str | None,
        typer.Option("--size", metavar="SIZE", help="The oldest, until all take no more: 500M, 20G."),
    ] = None,
    keep: Annotated[int, typer.Option("--keep", min=0, help="So many of the newest stay in any case.")] = 1,
    unfinished: Annotated[
        bool, typer.Option("--unfinished", help="Also those that were drained, failed or were cut off.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Remove them; without it they are only listed.")] = False,
    data_dir: options.DataDirectory = options.DATA_DIR,
) -> None:
    """Remove logs, streams and snapshots of old sessions. Reports and the database stay.

    The session that runs is never touched, one that has not ended only with --unfinished: `penstock up` could
    not go on with it any more, nor `verify` run it again.
    """
    place = DataDir.at(data_dir)
    rules = Rules(_age(older_than), _size(size), keep, unfinished)
    left = survey(place)
    chosen = to_remove(left, rules, time.time_ns())
    table = Table("session", "started", "status", "MB", box=None, header_style="dim")
    for each in chosen:
        started, megabytes = utc(each.record.created_at)[:19] + "Z", f"{each.bytes / 1e6:,.1f}"
        table.add_row(each.record.session_id, started, _status(each.record.status, running=False), megabytes)
    if chosen:
        console().print(table)
    freed = sum(each.bytes for each in chosen) / 1e6
    count = f"{len(chosen)} of {len(left)} sessions, {freed:,.1f} MB"
    if yes and chosen:
        remove(place, chosen)
        console().print(f"removed {count}")
    else:
        console().print(f"would remove {count}" + ("; --yes removes them" if chosen else ""))


def _age(text: str | None) -> int | None:
    try:
        value = parse_duration(text)
    except ValueError as error:
        raise ConfigError(f"--older-than: {error}") from error
    return value if isinstance(value, int) else None


def _size(text: str | None) -> int | None:
    """Bytes of `500M` or `20G`."""
    if text is None:
        return None
    number, unit = text[:-1], text[-1:].upper()
    if unit not in UNITS or not number.isdigit():
        raise ConfigError(f"--size {text}: write a whole number and K, M, G or T, as in 20G")
    return int(number) * UNITS[unit]


def logs(
    service: Annotated[str | None, typer.Argument(help="One service; default: all.")] = None,
    session: Annotated[
        str | None, typer.Option("--session", metavar="SESSION", help="Default: the last.")
    ] = None,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="Of each file's end.")] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is written.")] = False,
    data_dir: options.DataDirectory = options.DATA_DIR,
) -> None:
    """Print what the services of a session wrote. Ends with Ctrl-C when it follows."""
    folder = find_session(DataDir.at(data_dir), session)
    files = sorted(each for each in folder.logs.glob("*.*") if service in {None, each.stem})
    if not files:
        names = sorted({each.stem for each in folder.logs.glob("*.*")})
        raise CommandError(
            f"no logs of {service or 'any service'} in {folder.logs}; there are {', '.join(names)}"
        )
    places = {each: _tail(each, lines) for each in files}
    while follow:
        time.sleep(POLL_S)
        for each in sorted({*files, *folder.logs.glob(f"{service or '*'}.*")}):
            places[each] = _rest(each, places.get(each, 0))


def find_session(data_dir: DataDir, session_id: str | None) -> SessionFolder:
    """A session's folder, the last one without an id. CommandError when there is none."""
    folder = data_dir.session(session_id) if session_id else data_dir.last_session()
    if folder is None or not (folder.path / "session.json").exists():
        what = f"no session {session_id}" if session_id else "no session yet"
        raise CommandError(f"there is {what} in {data_dir.path}")
    return folder


def _status(status: str, running: bool) -> str:
    return "cut off" if status == "running" and not running else status


def _report(file: Path) -> FinalReport | None:
    try:
        return FinalReport.model_validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return None  # moved or removed: the record still tells what became of it


def _tail(file: Path, lines: int) -> int:
    content = file.read_bytes()
    last = content.decode(errors="replace").splitlines()[-lines:] if lines else []
    for line in last:
        typer.echo(f"{file.stem}: {line}")
    return len(content)


def _rest(file: Path, place: int) -> int:
    try:
        if file.stat().st_size < place:
            place = 0  # the old one was put aside, and this one begun
        with file.open("rb") as opened:
            opened.seek(place)
            content = opened.read()
    except FileNotFoundError:
        return 0
    whole, newline, _ = content.rpartition(b"\n")
    for line in whole.decode(errors="replace").splitlines():
        typer.echo(f"{file.stem}: {line}")
    return place + len(whole) + len(newline)
