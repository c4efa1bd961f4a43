"""`penstock new strategy` and `penstock check-strategy`: begin a strategy, and see whether it is sound."""

import json
import keyword
import os
import re
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Annotated, Any

import typer
from penstock_research.strategy_check import Verdict, check_strategy
from penstock_strategy.errors import StrategyLoadError

from penstock.commands.output import console
from penstock.config.strategies import parse_strategy
from penstock.errors import CommandError, ConfigError

app = typer.Typer(name="new", help="Begin something of your own.", no_args_is_help=True)

_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")
_RUN_TIMEOUT_S = 120


@app.callback()
def _new() -> None:
    """Begin something of your own."""


@app.command()
def strategy(
    name: Annotated[str, typer.Argument(metavar="NAME", help="In lower case with underscores: my_breakout.")],
    folder: Annotated[Path, typer.Option("--dir", metavar="DIR", help="Where the files go.")] = Path(),
) -> None:
    """Write NAME.py, a strategy that works as it is, and test_NAME.py, a test that passes.

    Files that exist are not overwritten.
    """
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise ConfigError(f"new strategy: {name!r} is no name; write it in lower case, as in my_breakout")
    cls = "".join(word.capitalize() for word in name.split("_"))
    title = name.replace("_", " ").capitalize()
    words = {"cls": cls, "file": f"{name}.py", "test_file": f"test_{name}.py", "title": title}
    folder.mkdir(parents=True, exist_ok=True)
    written = [
        (folder / words["file"], "strategy.py.txt"),
        (folder / words["test_file"], "test_strategy.py.txt"),
    ]
    for path, _ in written:
        if path.exists():
            raise CommandError(f"{path} exists; it is left as it is")
    for path, template in written:
        text = files("penstock").joinpath("templates", template).read_text(encoding="utf-8")
        path.write_text(Template(text).substitute(words), encoding="utf-8")
    shown = console()
    shown.print(f"wrote {written[0][0]} and {written[1][0]}", markup=False, soft_wrap=True)
    for line in (
        f"python -m pytest {written[1][0]}",
        f"penstock check-strategy {written[0][0]}:{cls}",
        f"penstock paper --strategy {written[0][0]}:{cls} --duration 2m",
    ):
        shown.print(f"  {line}", markup=False, soft_wrap=True)


def check(
    text: Annotated[
        str, typer.Argument(metavar="STRATEGY", help="name, file.py:Class, either with :param=value,…")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Find what would make a strategy differ in a replay or after a restart, with file and line.

    Reads its file: clock, randomness, network, files, state that is not declared, iteration over sets. Then
    runs it over a made-up market, again in a process of its own, and again restored from a snapshot every
    few bars: all three must put out the same. Exit code 1 when anything is found.
    """
    choice = parse_strategy(text)
    try:
        verdict = check_strategy(choice["source"], choice["parameters"], _elsewhere)
    except StrategyLoadError as error:
        raise ConfigError(str(error)) from error
    except SyntaxError as error:
        raise CommandError(f"{choice['source']}: line {error.lineno}: {error.msg}") from error
    if as_json:
        typer.echo(json.dumps(_document(verdict), indent=2))
    else:
        _show(verdict, choice["source"])
    if not verdict.passed:
        raise typer.Exit(1)


def _elsewhere(source: str, instruments: int, parameters: dict[str, Any]) -> list[str]:
    """A rehearsal in a process whose strings hash otherwise, so that its sets have another order."""
    command = [sys.executable, "-m", "penstock_research.strategy_check"]
    ran = subprocess.run(
        [*command, source, str(instruments), json.dumps(parameters)],
        env={**os.environ, "PYTHONHASHSEED": "20"},
        capture_output=True, text=True, timeout=_RUN_TIMEOUT_S, check=False,
    )  # fmt: skip
    if ran.returncode:
        last = ran.stderr.strip().splitlines()[-1:] or ["no message"]
        raise CommandError(f"{source}: a second run failed: {last[0]}")
    return ran.stdout.splitlines()


def _document(verdict: Verdict) -> dict[str, Any]:
    return {
        "passed": verdict.passed,
        "impurities": [
            {"file": each.file, "line": each.line, "rule": each.rule, "text": each.text}
            for each in verdict.impurities
        ],
        "differences": list(verdict.differences),
        "errors": list(verdict.errors),
        "signals": verdict.signals,
        "fills": verdict.fills,
    }


def _show(verdict: Verdict, source: str) -> None:
    shown = console()
    for each in (*verdict.impurities, *verdict.errors, *verdict.differences):
        shown.print("[red]✗[/] ", end="")
        shown.print(str(each), markup=False, soft_wrap=True)
    if verdict.passed:
        shown.print(
            f"[green]✓[/] {source}: nothing impure in its source; three runs gave the same "
            f"{verdict.signals} signals and {verdict.fills} fills"
        )
        if not verdict.signals:
            shown.print("  it wanted nothing on the made-up market: what it does later was not seen")
