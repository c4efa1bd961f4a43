"""`penstock dlq list|show|retry|at|pass`: messages that cannot be read, and what can be done about them."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from penstock_contracts.codec import rows_of
from penstock_contracts.errors import UnreadableMessage
from penstock_runtime.errors import RuntimeFailure
from penstock_runtime.log import Log
from penstock_runtime.log.dead_letters import DeadLetter, DeadLetters
from penstock_runtime.passing import Stored, control_messages, pass_over, passed_over, stored_at
from rich.table import Table

from penstock.commands import options
from penstock.commands.output import console
from penstock.commands.sessions import find_session
from penstock.errors import CannotRun, CommandError
from penstock.launch.commands import UNTIL_READ_S, command
from penstock.launch.paths import DataDir
from penstock.launch.recorded import partition_of, session_log_of
from penstock.launch.view import NOTHING

app = typer.Typer(help="Messages that could not be read.", no_args_is_help=True)

T = TypeVar("T")
PREVIEW_BYTES = 400

Number = Annotated[int, typer.Argument(min=1, help="Of the letter, as `penstock dlq list` tells it.")]
Sequence = Annotated[int, typer.Argument(min=1, help="Place in the log, as `penstock dlq list` tells it.")]
Session = Annotated[str | None, typer.Option("--session", metavar="SESSION", help="Default: the last.")]


@app.callback()
def _group() -> None:
    """Messages that could not be read."""


@app.command("list")
def list_letters(
    session: Session = None,
    data_dir: options.DataDirectory = options.DATA_DIR,
    as_json: options.Json = False,
) -> None:
    """List what readers of market data, features and signals passed over, and what halts ingest.

    A command that cannot be read is no letter: nothing has passed it over, and ingest halts at it. It has no
    number here, but a place in the log; see `penstock dlq at` and `penstock dlq pass`.
    """
    letters = _with_letters(session, data_dir, lambda kept: kept.all())
    halting = _with_log(session, data_dir, _unreadable_control)
    if as_json:
        found = [*(_document(each) for each in letters), *(_stored(*each) for each in halting)]
        typer.echo(json.dumps(found, indent=2))
        return
    table = Table("number", "message", "at", "times", "now", "reason", box=None, header_style="dim")
    for each in letters:
        at = f"{each.sequence:,}"
        table.add_row(str(each.number), each.subject, at, str(each.copies), _standing(each), each.why)
    for stored, passed in halting:
        now = "passed over" if passed else "halts"
        table.add_row(NOTHING, stored.subject, f"{stored.sequence:,}", "", now, stored.why)
    console().print(table if letters or halting else "no dead letters")


@app.command("show")
def show_letter(
    number: Number,
    session: Session = None,
    data_dir: options.DataDirectory = options.DATA_DIR,
    as_json: options.Json = False,
) -> None:
    """Show one letter: its headers, its content, and whether the present code can read it."""
    letter = _with_letters(session, data_dir, lambda kept: _found(kept, number))
    if as_json:
        typer.echo(json.dumps(_document(letter), indent=2))
        return
    shown = console()
    for name, value in _document(letter).items():
        if name != "headers":
            shown.print(f"[dim]{name}[/] ", end="")
            shown.print(str(value), markup=False, soft_wrap=True)
    for name, value in letter.headers.items():
        shown.print(f"  [dim]{name}[/] ", end="")
        shown.print(value, markup=False, soft_wrap=True)


@app.command("retry")
def retry_letter(
    number: Number,
    session: Session = None,
    data_dir: options.DataDirectory = options.DATA_DIR,
) -> None:
    """Read a letter with the present code, and keep it as a new message if that succeeds.

    A retry never reaches the stages. Every reader of the log has counted the message and passed it over;
    under its number it would be ignored, and under a new one it would be another session: market data
    later than their time, or a signal decided on prices that are gone. What can be read now is stored
    beside the letter, without a number, for whoever repairs stored history. Exit code 1 when it still
    cannot be read; nothing is written then.
    """

    async def again(kept: DeadLetters) -> tuple[DeadLetter, int, int]:
        letter = await _found(kept, number)
        if letter.retried_as:
            raise CommandError(f"letter {number} was retried already: it is message {letter.retried_as}")
        try:
            return letter, await kept.retry(letter), rows_of(letter.decode())
        except UnreadableMessage as error:
            raise CommandError(f"letter {number} still cannot be read: {error}") from error

    letter, stored, rows = _with_letters(session, data_dir, again)
    console().print(
        f"letter {number} can be read: {letter.subject}, {rows} rows; kept as message {stored}. "
        "The session's log is unchanged: its stages have passed this message over for good."
    )


@app.command("at")
def show_at(
    sequence: Sequence,
    session: Session = None,
    data_dir: options.DataDirectory = options.DATA_DIR,
) -> None:
    """Show the message at a place in the log, and whether the present code can read it."""
    stored, passed = _with_log(session, data_dir, lambda log: _look(log, sequence))
    shown = console()
    for name, value in _stored(stored, passed).items():
        if name != "headers":
            shown.print(f"[dim]{name}[/] ", end="")
            shown.print(str(value), markup=False, soft_wrap=True)
    for name, value in stored.headers.items():
        shown.print(f"  [dim]{name}[/] ", end="")
        shown.print(value, markup=False, soft_wrap=True)


@app.command("pass")
def pass_command(
    sequence: Sequence,
    reason: Annotated[str, typer.Option("--reason", help="Kept in the log.", show_default=False)],
    session: Session = None,
    data_dir: options.DataDirectory = options.DATA_DIR,
) -> None:
    """Have a session go on without a command that nobody can read.

    Only for commands of operators: without an order, a fill or the end of an interval nobody knows what was
    decided, and such a session is over. As the command may have been a halt, the session goes on halted,
    until `penstock resume`. Both are written to the log, for ever.
    """

    async def work(log: Log) -> None:
        stored, passed = await _look(log, sequence)
        if not stored.is_command or not stored.why:
            what = "is no command" if not stored.is_command else "can be read"
            raise CommandError(f"the message at {sequence} {what}: {stored.subject}")
        if passed:
            raise CommandError(f"the command at {sequence} is passed over already")
        why = f"the command at {sequence} cannot be read and may have been one"
        await log.publish_command(command("halt", why, by="cli", expires_s=UNTIL_READ_S))
        await pass_over(log, sequence, reason, by="cli")

    if not reason.strip():
        raise CommandError("pass: --reason must say something")
    _with_log(session, data_dir, work)
    console().print(
        f"the command at {sequence} is passed over; `penstock up` goes on, halted until "
        "`penstock resume --reason …`"
    )


async def _look(log: Log, sequence: int) -> tuple[Stored, bool]:
    stored = await stored_at(log, sequence)
    if stored is None:
        raise CommandError(f"the log holds no message at {sequence}")
    return stored, sequence in await passed_over(log)


async def _unreadable_control(log: Log) -> list[tuple[Stored, bool]]:
    passed = await passed_over(log)
    return [(each, each.sequence in passed) async for each in control_messages(log) if each.why]


def _with_log(session: str | None, data_dir: Path, work: Callable[[Log], Awaitable[T]]) -> T:
    folder = find_session(DataDir.at(data_dir), session)

    async def run() -> T:
        async with session_log_of(folder, partition_of(folder)) as log:
            try:
                return await work(log)
            except RuntimeFailure as error:
                raise CannotRun(str(error)) from error

    return asyncio.run(run())


def _with_letters(session: str | None, data_dir: Path, work: Callable[[DeadLetters], Awaitable[T]]) -> T:
    return _with_log(session, data_dir, lambda log: work(DeadLetters(log)))


async def _found(kept: DeadLetters, number: int) -> DeadLetter:
    letter = await kept.find(number)
    if letter is None:
        raise CommandError(f"there is no dead letter {number}", hint="see `penstock dlq list`")
    return letter


def _standing(letter: DeadLetter) -> str:
    if letter.retried_as:
        return f"retried as {letter.retried_as}"
    try:
        letter.decode()
    except UnreadableMessage:
        return "unreadable"
    return "readable"


def _stored(stored: Stored, passed: bool) -> dict[str, object]:
    standing = "readable"
    if stored.why:
        standing = "passed over" if passed else "halts" if stored.is_command else "unreadable"
    return {
        "subject": stored.subject,
        "sequence": stored.sequence,
        "reason": stored.why,
        "now": standing,
        "bytes": len(stored.data),
        "content": _preview(stored.data),
        "headers": stored.headers,
    }


def _preview(data: bytes) -> str:
    content = data[:PREVIEW_BYTES].decode("utf-8", "backslashreplace")
    return content + ("…" if len(data) > PREVIEW_BYTES else "")


def _document(letter: DeadLetter) -> dict[str, object]:
    return {
        "number": letter.number,
        "subject": letter.subject,
        "sequence": letter.sequence,
        "reason": letter.why,
        "times": letter.copies,
        "now": _standing(letter),
        "bytes": len(letter.data),
        "content": _preview(letter.data),
        "headers": letter.headers,
    }
