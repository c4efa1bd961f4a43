"""`penstock trace`: how an order came about, and how long each step took, from the log itself."""

import asyncio
import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from penstock_contracts.headers import rfc3339
from penstock_runtime.errors import RuntimeFailure
from penstock_runtime.tracing.reading import order_spans
from penstock_runtime.tracing.spans import Span
from rich.table import Table

from penstock.commands import options
from penstock.commands.output import console
from penstock.commands.sessions import find_session
from penstock.errors import CommandError
from penstock.launch.paths import DataDir, SessionFolder
from penstock.launch.recorded import partition_of, session_log_of

_DETAILS = ("strategy", "instrument", "direction", "side", "quantity", "price", "type", "liquidity", "reason")


def trace(
    order_id: Annotated[str, typer.Argument(help="An order's id, such as `penstock sql` shows.")],
    session: Annotated[
        str | None, typer.Option("--session", help="A session's id or folder; default: the last.")
    ] = None,
    data_dir: options.DataDirectory = options.DATA_DIR,
    as_json: options.Json = False,
) -> None:
    """Show an order's trace as a tree: from the tick, over signal and approval, to its fills.

    Read from the session's log, whether it runs or not; no collector is needed. Times are wall times: when
    each step began after the tick was published, and how long it took.
    """
    folder = _folder(session, DataDir.at(data_dir))
    spans = asyncio.run(_read(folder, order_id))
    if not spans:
        raise CommandError(f"session {folder.session_id} has no order {order_id}")
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in spans], indent=2))
        return
    shown = console()
    first = min(each.start_ns for each in spans)
    shown.print(f"order [bold]{order_id}[/] of session {folder.session_id}")
    shown.print(f"trace {spans[-1].trace_id}, begins {rfc3339(first)}")
    shown.print(_table(spans, first))


def _folder(session: str | None, data_dir: DataDir) -> SessionFolder:
    if session is not None and (Path(session) / "session.json").exists():
        return SessionFolder(Path(session).expanduser().absolute())
    return find_session(data_dir, session)


async def _read(folder: SessionFolder, order_id: str) -> list[Span]:
    try:
        async with session_log_of(folder, partition_of(folder)) as log:
            return await order_spans(log, order_id)
    except RuntimeFailure as error:
        raise CommandError(f"the log of session {folder.session_id} cannot be read: {error}") from error


def _table(spans: list[Span], first: int) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("step")
    table.add_column("after ms", justify="right")
    table.add_column("took ms", justify="right")
    table.add_column("event time")
    table.add_column("what")
    for branch, span in _walk(spans):
        event_time = span.attributes.get("penstock.ts")
        table.add_row(
            f"{branch}{span.name}",
            f"{(span.start_ns - first) / 1e6:.3f}",
            f"{(span.end_ns - span.start_ns) / 1e6:.3f}",
            rfc3339(event_time) if isinstance(event_time, int) else "",
            " ".join(str(span.attributes[f"penstock.{each}"]) for each in _told(span)),
        )
    return table


def _told(span: Span) -> list[str]:
    return [each for each in _DETAILS if f"penstock.{each}" in span.attributes]


def _walk(spans: list[Span]) -> list[tuple[str, Span]]:
    """Every span after its parent, with the branches that lead to it."""
    known = {each.span_id for each in spans}
    children: dict[str, list[Span]] = {}
    for each in spans:
        children.setdefault(each.parent_id if each.parent_id in known else "", []).append(each)
    rows: list[tuple[str, Span]] = []

    def go(parent: str, indent: str) -> None:
        below = children.get(parent, [])
        for number, each in enumerate(below):
            last = number + 1 == len(below)
            top = not indent and not parent
            rows.append(("" if top else f"{indent}{'└─ ' if last else '├─ '}", each))
            go(each.span_id, "" if top else f"{indent}{'   ' if last else '│  '}")

    go("", "")
    return rows
