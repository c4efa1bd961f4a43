"""`penstock validate`: prove a report."""

from pathlib import Path
from typing import Annotated

import typer
from penstock_research.report.validate import UnreadableReport, validate_folder

from penstock.commands.output import console
from penstock.errors import CommandError


def validate(
    folder: Annotated[Path, typer.Argument(metavar="OUT/SESSION", help="A report's folder.")],
) -> None:
    """Compute a report again from its signals, orders and fills.

    Checks positions, PnL, fees and the hash of the fills; that every signal has one outcome and every order
    ends; that nothing stays reserved; that nothing reached the venue without an approval within the limits;
    and that the files are those that were written. Exit code 1 when anything differs.
    """
    shown = console()
    try:
        findings = validate_folder(folder)
    except UnreadableReport as error:
        raise CommandError(str(error)) from error
    for finding in findings:
        shown.print(f"[red]✗[/] {finding.invariant}: ", end="")
        shown.print(finding.text, markup=False)
    if findings:
        raise CommandError(f"{folder}: {len(findings)} differences")
    shown.print(f"[green]✓[/] {folder}: positions, PnL, fees, signals, orders and fills agree")
