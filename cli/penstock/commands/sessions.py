"""`penstock sessions list|show`, `penstock logs`: what a data directory remembers."""

import json
import time
from pathlib import Path
from typing import Annotated

import typer
from penstock_research.report.final import FinalReport, utc
from pydantic import ValidationError
from rich.table import Table

from penstock.commands import options
from penstock.commands.output import console
from penstock.commands.summary import print_report
from penstock.errors import CommandError
from penstock.launch.paths import DataDir, SessionFolder

app = typer.Typer(help="Past and running sessions.", no_args_is_help=True)

POLL_S = 0.3


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
    with file.open("rb") as opened:
        opened.seek(place)
        content = opened.read()
    whole, newline, _ = content.rpartition(b"\n")
    for line in whole.decode(errors="replace").splitlines():
        typer.echo(f"{file.stem}: {line}")
    return place + len(whole) + len(newline)
