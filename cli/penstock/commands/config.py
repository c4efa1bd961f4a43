"""`penstock config`: every value and where it came from, templates to begin with, the reference."""

import json
import os
from typing import Annotated

import typer
from rich.table import Table

from penstock.commands import options
from penstock.commands.output import console
from penstock.config.document import redacted
from penstock.config.layers import DEFAULT
from penstock.config.load import Entry, entries, load, template_text, templates
from penstock.config.reference import markdown

app = typer.Typer(help="The configuration.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """The configuration."""


@app.command()
def show(
    source: options.Source = None,
    instrument: options.Instrument = None,
    strategy: options.Strategy = None,
    duration: options.Duration = None,
    speed: options.Speed = None,
    capital: options.Capital = None,
    profile: options.Profile = None,
    config: options.ConfigFile = None,
    settings: options.Settings = None,
    instruments: options.InstrumentsFile = None,
    columns: options.Columns = None,
    time_format: options.TimeFormat = None,
    api_port: options.ApiPort = None,
    changed: Annotated[bool, typer.Option("--changed", help="Only what is not a default.")] = False,
    as_json: options.Json = False,
) -> None:
    """Show every value with its origin: default, profile, file, environment or flag.

    Takes the flags of `penstock paper`. Values are checked, nothing is opened or started. Exit code 78 when
    a value cannot be used.
    """
    market = options.MarketFlags(
        source, instrument, instruments, columns, time_format, speed, duration, strategy, capital, api_port
    )
    loaded = load(options.config_options(market, profile, config, settings), os.environ)
    listed = [_redacted(each) for each in entries(loaded) if not changed or each.origin != DEFAULT]
    if as_json:
        document = {each.path: {"value": each.value, "origin": each.origin} for each in listed}
        typer.echo(json.dumps(document, indent=2))
        return
    table = Table(header_style="dim", box=None, pad_edge=False)
    for header, whole in (("value", True), ("is", False), ("from", True)):
        table.add_column(header, no_wrap=whole, overflow="fold")
    for each in listed:
        style = "" if each.origin == DEFAULT else "bold"
        table.add_row(each.path, _text(each.value), each.origin, style=style)
    console().print(table)


@app.command("templates")
def list_templates() -> None:
    """List the templates: a configuration file for each built-in strategy, usable as it is."""
    for name in templates():
        about = template_text(name).splitlines()[0].removeprefix("# ")
        console().print(f"[bold]{name}[/]  {about}", soft_wrap=True)


@app.command()
def template(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As `penstock config templates` lists it.")],
) -> None:
    """Print a template, to begin a file of your own: penstock config template ma_cross > my.toml."""
    typer.echo(template_text(name), nl=False)


@app.command()
def reference() -> None:
    """Print every setting with its type, bounds, default and meaning, as Markdown."""
    typer.echo(markdown(), nl=False)


def _redacted(entry: Entry) -> Entry:
    return Entry(entry.path, redacted(entry.value, entry.path.rpartition(".")[2]), entry.origin)


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
