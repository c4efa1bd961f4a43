"""`penstock dlq list|show|retry`: messages that could not be read, and what the present code says of them."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from penstock_contracts.codec import rows_of
from penstock_contracts.errors import UnreadableMessage
from penstock_runtime.errors import RuntimeFailure
from penstock_runtime.log.dead_letters import DeadLetter, DeadLetters
from rich.table import Table

from penstock.commands import options
from penstock.commands.output import console
from penstock.commands.sessions import find_session
from penstock.errors import CannotRun, CommandError
from penstock.launch.paths import DataDir
from penstock.launch.recorded import partition_of, session_log_of

app = typer.Typer(help="Messages that could not be read.", no_args_is_help=True)

T = TypeVar("T")
PREVIEW_BYTES = 400

Number = Annotated[int, typer.Argument(min=1, help="Of the letter, as `penstock dlq list` tells it.")]
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
    """List what readers of market data, features and signals passed over, the oldest first."""
    letters = _with_letters(session, data_dir, lambda kept: kept.all())
    if as_json:
        typer.echo(json.dumps([_document(each) for each in letters], indent=2))
        return
    table = Table("number", "message", "at", "times", "now", "reason", box=None, header_style="dim")
    for each in letters:
        at = f"{each.sequence:,}"
        table.add_row(str(each.number), each.subject, at, str(each.copies), _standing(each), each.why)
    console().print(table if letters else "no dead letters")


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


def _with_letters(session: str | None, data_dir: Path, work: Callable[[DeadLetters], Awaitable[T]]) -> T:
    folder = find_session(DataDir.at(data_dir), session)

    async def run() -> T:
        async with session_log_of(folder, partition_of(folder)) as log:
            try:
                return await work(DeadLetters(log))
            except RuntimeFailure as error:
                raise CannotRun(str(error)) from error

    return asyncio.run(run())


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


def _document(letter: DeadLetter) -> dict[str, object]:
    content = letter.data[:PREVIEW_BYTES].decode("utf-8", "backslashreplace")
    return {
        "number": letter.number,
        "subject": letter.subject,
        "sequence": letter.sequence,
        "reason": letter.why,
        "times": letter.copies,
        "now": _standing(letter),
        "bytes": len(letter.data),
        "content": content + ("…" if len(letter.data) > PREVIEW_BYTES else ""),
        "headers": letter.headers,
    }
