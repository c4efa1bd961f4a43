"""`penstock token add|list|revoke`: who may use the API."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from penstock_api.access.roles import Role
from penstock_api.access.tokens import FILE, TokenExists, TokenFile, TokenRecord
from penstock_contracts.types import Name
from penstock_runtime.errors import BadConfiguration
from pydantic import TypeAdapter, ValidationError
from rich.table import Table

from penstock.commands import options
from penstock.commands.output import console
from penstock.errors import CommandError, ConfigError
from penstock.launch.paths import DataDir

app = typer.Typer(help="Tokens for the API, by role.", no_args_is_help=True)

NOTHING = "\N{EN DASH}"
_NAME: TypeAdapter[str] = TypeAdapter(Name)

TokenName = Annotated[str, typer.Argument(metavar="NAME", help="Whose it is: stands in the audit.")]
File = Annotated[
    Path | None, typer.Option("--file", help="Of `api.tokens_file`; default: in the data directory.")
]


@app.command()
def add(
    name: TokenName,
    role: Annotated[Role, typer.Option("--role", help="viewer sees, operator acts, risk_admin resumes.")],
    days: Annotated[float | None, typer.Option("--days", min=0.001, help="Until it expires.")] = None,
    data_dir: options.DataDirectory = options.DATA_DIR,
    file: File = None,
) -> None:
    """Make a token and print it, once: only its hash is kept.

    From the first token on nobody gets into the API without one. A running session knows it at once.
    """
    try:
        _NAME.validate_python(name)
    except ValidationError:
        raise CommandError(f"{name!r} is no name: letters, digits, `.`, `_`, `-`, at most 80") from None
    tokens = _tokens(data_dir, file)
    try:
        token = tokens.add(name, role, days)
    except TokenExists as error:
        raise CommandError(str(error)) from error
    except BadConfiguration as error:
        raise ConfigError(str(error)) from error
    typer.echo(token)


@app.command("list")
def show(
    data_dir: options.DataDirectory = options.DATA_DIR, file: File = None, as_json: options.Json = False
) -> None:
    """List the tokens: whose, which role, until when."""
    tokens = _tokens(data_dir, file)
    records = _read(tokens)
    if as_json:
        shown = [each.model_dump(mode="json", exclude={"hash"}) for each in records]
        typer.echo(json.dumps(shown, indent=2))
        return
    if not records:
        console().print(
            f"no token is left: nobody gets into the API. Remove {tokens.path} to ask nobody again"
            if tokens.exists()
            else "no tokens: the API asks nobody who they are, and listens on this machine only",
            soft_wrap=True,
        )
        return
    table = Table("name", "role", "made", "expires", box=None, header_style="dim")
    for each in records:
        expires = NOTHING if each.expires_at is None else _time(each.expires_at)
        table.add_row(each.name, each.role, _time(each.created_at), expires)
    console().print(table)


@app.command()
def revoke(name: TokenName, data_dir: options.DataDirectory = options.DATA_DIR, file: File = None) -> None:
    """Take a token out. Its holder, browsers included, gets in no more, at once."""
    tokens = _tokens(data_dir, file)
    _read(tokens)
    if not tokens.revoke(name):
        raise CommandError(f"there is no token {name}")
    console().print(f"{name} is revoked", markup=False)


def _tokens(data_dir: Path, file: Path | None) -> TokenFile:
    return TokenFile(file.expanduser().absolute() if file is not None else DataDir.at(data_dir).path / FILE)


def _read(tokens: TokenFile) -> tuple[TokenRecord, ...]:
    try:
        return tokens.all()
    except BadConfiguration as error:
        raise ConfigError(str(error)) from error


def _time(ns: int) -> str:
    return f"{datetime.fromtimestamp(ns / 1e9, UTC):%Y-%m-%d %H:%M}Z"
