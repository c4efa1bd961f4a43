"""`penstock verify`: feed every stage its recorded input again and compare every output."""

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from penstock_contracts.base import Family
from penstock_contracts.errors import ContractError
from penstock_contracts.headers import rfc3339
from penstock_kernel.stage import Stage
from penstock_kernel.topology import PLACES
from penstock_research.chained import Stages
from penstock_research.verify import Divergence, Verified, verify_session
from penstock_runtime.errors import RuntimeFailure
from penstock_runtime.settings import config_hash
from penstock_runtime.version import code_hash
from penstock_strategy.errors import StrategyLoadError
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from penstock.commands import options
from penstock.commands.output import console
from penstock.commands.sessions import find_session
from penstock.errors import CommandError
from penstock.launch.paths import DataDir, SessionFolder
from penstock.launch.recorded import Ends, RecordedSession, document_of, partition_of, session_log_of

FAMILIES: tuple[Family, ...] = tuple(place.family for place in PLACES.values())


def verify(
    session: Annotated[
        str | None, typer.Argument(help="A session's id or folder; default: the last.", show_default=False)
    ] = None,
    data_dir: options.DataDirectory = options.DATA_DIR,
) -> None:
    """Replay a session from its log: each stage gets its recorded input again, and every output is compared.

    Business content must agree byte for byte, the open last interval included; of a session that has ended,
    nothing may be missing. Shows the first divergence with its cause, and ends with exit code 1.
    """
    folder = _folder(session, DataDir.at(data_dir))
    shown = console()
    with asyncio.Runner() as runner:
        context = session_log_of(folder, partition_of(folder))
        log = runner.run(context.__aenter__())
        try:
            with shown.status(f"replaying {folder.session_id}"):
                recorded = RecordedSession(runner, log)
                ends = recorded.ends()
                stages = _stages(ends)
                outcome = verify_session(
                    _replayed(stages),
                    {family: recorded.family(family) for family in FAMILIES},
                    ended=ends.end.outputs if ends.end is not None else None,
                    partition=stages.session.partition,
                )
        except RuntimeFailure as error:
            raise CommandError(f"the log of session {folder.session_id} cannot be read: {error}") from error
        finally:
            runner.run(context.__aexit__(None, None, None))
    _tell(shown, folder, ends, outcome, recorded.holes())


def _tell(
    shown: Console, folder: SessionFolder, ends: Ends, outcome: Divergence | Verified, holes: list[str]
) -> None:
    """Print what was found. CommandError unless everything agrees."""
    if ends.genesis.code_hash != code_hash():
        shown.print(
            f"[yellow]the code is another ({code_hash()}) than at the start ({ends.genesis.code_hash})[/]"
        )
    if isinstance(outcome, Divergence):
        _show(shown, outcome)
        raise CommandError(
            f"session {folder.session_id} diverges: {outcome.producer}, output {outcome.number}, "
            f"in the interval after {rfc3339(outcome.after_mark)}"
        )
    _count(shown, outcome)
    for hole in holes:
        raise CommandError(f"session {folder.session_id}: {hole}", hint="resuming the session mends it")
    _same_config(folder, ends)
    state = "ended" if ends.end is not None else "open: nothing is wrong up to the end of its log"
    shown.print(f"[green]✓[/] session {folder.session_id} replays ({state})")
    shown.print(f"[dim]fills[/] {outcome.fills}  [dim]fills_hash[/] {outcome.fills_hash}")


def _count(shown: Console, outcome: Verified) -> None:
    table = Table("stage", "intervals", "inputs", "outputs", "beyond the log", box=None, header_style="dim")
    for each in outcome.counts:
        table.add_row(
            each.producer, f"{each.intervals:,}", f"{each.inputs:,}", f"{each.outputs:,}", f"{each.beyond:,}"
        )
    shown.print(table)


def _show(shown: Console, found: Divergence) -> None:
    def line(name: str, text: str) -> None:
        shown.print(f"[dim]{name:>10}[/] ", end="")
        shown.print(text, markup=False, soft_wrap=True)

    line("stage", found.producer)
    line("interval", f"after the mark {rfc3339(found.after_mark)} ({found.after_mark})")
    line("output", f"number {found.number}")
    line("finding", found.why)
    line("cause", str(found.cause) if found.cause is not None else "none")
    line("recorded", str(found.recorded) if found.recorded is not None else "nothing")
    computed = type(found.computed).__name__ if found.computed is not None else "nothing"
    line("computed", computed)
    for each in found.fields:
        line(each.field, f"recorded {each.recorded}   computed {each.computed}")


def _folder(session: str | None, data_dir: DataDir) -> SessionFolder:
    if session is not None and (Path(session) / "session.json").exists():
        return SessionFolder(Path(session).expanduser().absolute())
    return find_session(data_dir, session)


def _stages(ends: Ends) -> Stages:
    """The stages under the configuration that the log itself holds."""
    try:
        return Stages.of(json.loads(ends.genesis.config))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise CommandError(
            f"this version does not read the session's configuration: {where}: {first['msg']}"
        ) from error
    except (StrategyLoadError, ContractError, ValueError) as error:
        raise CommandError(f"the session's stages cannot be made again: {error}") from error


def _replayed(stages: Stages) -> dict[str, Stage]:
    """All, but for what a live venue says: that is no function of the log."""
    by_name = stages.by_name()
    if stages.execution.config.venue == "live":
        del by_name["execution"]
    return by_name


def _same_config(folder: SessionFolder, ends: Ends) -> None:
    """The folder's file is what services are started with: it must be what the session began under."""
    document, began = document_of(folder), json.loads(ends.genesis.config)
    if config_hash(document) == config_hash(began):
        return
    changed = ", ".join(_changed("", began, document))
    raise CommandError(
        f"{folder.config} is not what session {folder.session_id} began under; changed: {changed}",
        hint="the session replays under the configuration in its log; resuming it would halt",
    )


def _changed(path: str, left: Any, right: Any) -> list[str]:
    if isinstance(left, dict) and isinstance(right, dict):
        found = []
        for key in sorted({*left, *right}):
            found += _changed(f"{path}.{key}" if path else key, left.get(key), right.get(key))
        return found
    return [] if left == right else [path]
