"""`penstock check-lookahead`: does a strategy know the future?"""

from typing import Annotated

import typer
from penstock_research.lookahead import CUTS, check_lookahead

from penstock.commands import options
from penstock.commands.backtest import Data, resolved_for
from penstock.commands.output import console
from penstock.errors import CommandError

INVENTED = ("synthetic:7", "ingest.duration=30m")


def check(
    strategy: Annotated[str, typer.Argument(metavar="STRATEGY", help="As for `--strategy` of `paper`.")],
    data: Data = None,
    cuts: Annotated[
        int, typer.Option("--cuts", min=1, max=100, help="At how many decisions to look.")
    ] = CUTS,
    instrument: options.Instrument = None,
    duration: options.Duration = None,
    profile: options.Profile = "open",
    config: options.ConfigFile = None,
    settings: options.Settings = None,
    instruments: options.InstrumentsFile = None,
    columns: options.Columns = None,
    time_format: options.TimeFormat = None,
) -> None:
    """Look for the future in a strategy's decisions and fills.

    Runs it over the data as they are, cut off right after its decisions, with another future, and mirrored:
    what was decided before must not change, and must depend on what was shown. Fills must come after their
    orders take effect, at prices that still trade. Without data a synthetic market is taken. Exit code 1 when
    something is found.
    """
    if data is None:
        data, settings = [INVENTED[0]], [INVENTED[1], *(settings or ())]
    market = options.MarketFlags(
        None, instrument, instruments, columns, time_format, None, duration, [strategy], None
    )
    resolved = resolved_for(data, options.config_options(market, profile, config, settings))
    checked = check_lookahead(resolved.document, resolved.feeds, cuts)
    shown = console()
    for finding in checked.findings:
        shown.print(f"[red]✗[/] {finding.kind}: ", end="")
        shown.print(finding.text, markup=False, soft_wrap=True)
    looked = f"{checked.signals} signals, {checked.fills} fills, looked at after {checked.cuts} decisions"
    if checked.findings:
        raise CommandError(f"{strategy} knows the future, or what it is not shown ({looked})")
    if not checked.signals:
        raise CommandError(f"{strategy} decided nothing over these data: nothing was checked")
    shown.print(f"[green]✓[/] {strategy}: {looked}, no sign of the future")
