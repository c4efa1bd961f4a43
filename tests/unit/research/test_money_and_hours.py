"""Several currencies, inverse contracts, market hours and expiry through all stages, worked by hand.

Bars of a minute on 2024-11-29, the day after Thanksgiving: New York closes at 18:00 UTC. Trading costs
the taker's fee of 5 basis points. What a run puts out is the same by runs and by single intervals, and its
report validates.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest
from penstock_contracts.orders import OrderApproved, SignalRefused
from penstock_contracts.types import OrderState
from penstock_contracts.venue import OrderChanged
from penstock_ingest.errors import SourceError
from penstock_ingest.sources import open_sources
from penstock_kernel.hours import utc_text
from penstock_research.chained import ChainedRun
from penstock_research.chained import run_chained as run
from penstock_research.report.final import FinalReport
from penstock_research.report.validate import validate_folder
from support.cli import Resolved, report_of, resolved, run_chained, write_report

D = Decimal
FREE = ("execution.paper.spread_bps=0", "execution.paper.slippage_bps=0")
TIMED = """
from penstock_strategy import *

PLAN = {{{plan}}}


class Timed(Strategy[Parameters, NoState]):
    def declare(self) -> Needs:
        return Needs(bars=self.bars())

    def on_bar(self, bar: Bar) -> Intents:
        wish = PLAN.get(bar.ts)
        return wish(self, bar) if wish else None
"""


def at(text: str) -> int:
    """Seconds of a time on that day, or of a date and a time."""
    return int(datetime.fromisoformat(f"{text if '-' in text else f'2024-11-29T{text}'}+00:00").timestamp())


@dataclass
class Case:
    """A folder of files, and a session over them."""

    folder: Path

    def bars(self, name: str, start: str, prices: list[float], volume: int = 10_000) -> None:
        """A bar a minute after `start` that opens, and stays, at each price."""
        lines = ["timestamp,open,high,low,close,volume"]
        lines += [f"{at(start) + 60 * (n + 1)},{p},{p},{p},{p},{volume}" for n, p in enumerate(prices)]
        (self.folder / name).write_text("\n".join(lines) + "\n")

    def session(
        self, instruments: str, plan: dict[str, str], *settings: str, capital: str = "100000 USD"
    ) -> Resolved:
        (self.folder / "instruments.toml").write_text(instruments)
        listed = ", ".join(f"{at(when)}_000_000_000: lambda self, bar: {wish}" for when, wish in plan.items())
        (self.folder / "timed.py").write_text(TIMED.format(plan=listed))
        sources = [f"replay:{file}" for file in sorted(self.folder.glob("*.csv"))]
        return resolved(
            sources[0],
            f"ingest.sources={json.dumps(sources)}",
            f"ingest.instruments_file={self.folder / 'instruments.toml'}",
            f'run.strategies=["{self.folder / "timed.py"}:Timed"]',
            f'run.capital="{capital}"',
            *FREE,
            *settings,
        )

    def outcome(self, chosen: Resolved) -> tuple[ChainedRun, FinalReport]:
        """What the stages put out, and the report of it."""
        whole, single = run(chosen.document), run(chosen.document, runs=False)
        assert whole.outputs == single.outputs
        folder = write_report(run_chained(chosen), self.folder)
        assert validate_folder(folder) == []
        return whole, report_of(folder)


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)


def fills(outcome: ChainedRun) -> list[tuple[str, str, str]]:
    return [(utc_text(each.ts)[11:19], str(each.price), str(each.fee)) for each in outcome.fills]


def endings(outcome: ChainedRun) -> list[OrderChanged]:
    """What became of orders that did not fill."""
    told = [each for each in outcome.outputs["execution"] if type(each) is OrderChanged]
    return [each for each in told if each.to_state.terminal]


def refusals(outcome: ChainedRun) -> list[SignalRefused]:
    return [each for each in outcome.outputs["risk"] if type(each) is SignalRefused]


SHARE = """
[[instrument]]
instrument = "spy-usd.replay"
kind = "equity"
calendar = "XNYS"
lot_size = "1"
tick_size = "0.01"
"""


def test_a_day_with_an_early_close(case: Case) -> None:
    case.bars("spy-usd-1m.csv", "14:25", [600.0] * 245)
    plan = {
        "14:30": "self.long(bar.instrument, quantity=10)",
        "17:00": "self.long(bar.instrument, quantity=15, style=limit(590, time_in_force=TimeInForce.DAY))",
        "18:05": "self.flat(bar.instrument)",
    }
    outcome, report = case.outcome(case.session(SHARE, plan))
    # Decided at the open, filled by the first bar after it; closed two marks after the data is over.
    assert fills(outcome) == [("14:30:00", "600", "3"), ("18:32:00", "600", "3")]
    (expired,) = endings(outcome)
    assert (expired.to_state, utc_text(expired.ts)) == (OrderState.EXPIRED, "2024-11-29T18:00:00Z")
    (refused,) = refusals(outcome)
    assert (refused.rule, refused.limit, refused.value) == ("market_closed", at("18:00"), at("18:05"))
    assert refused.text == "XNYS is closed until 2024-12-02T14:30:00Z"
    assert report.equity_end == "99994"
    assert outcome.fills_hash[:16] == "5b860f37b5e884ab"


@pytest.mark.parametrize("clock", ["14:29", "18:00"])
def test_what_is_decided_outside_the_session_is_refused(case: Case, clock: str) -> None:
    case.bars("spy-usd-1m.csv", "14:25", [600.0] * 245)
    outcome, _ = case.outcome(case.session(SHARE, {clock: "self.long(bar.instrument, quantity=10)"}))
    assert [each.rule for each in refusals(outcome)] == ["market_closed"]
    assert outcome.fills == []


def test_daylight_saving_moves_the_session(case: Case) -> None:
    # Monday 11 March 2024, the first trading day of summer time: the market opens at 13:30 UTC.
    case.bars("spy-usd-1m.csv", "2024-03-11T13:25", [500.0] * 20)
    plan = {
        "2024-03-11T13:29": "self.long(bar.instrument, quantity=1)",
        "2024-03-11T13:31": "self.long(bar.instrument, quantity=2)",
    }
    outcome, _ = case.outcome(case.session(SHARE, plan))
    assert [each.rule for each in refusals(outcome)] == ["market_closed"]
    assert fills(outcome)[0][0] == "13:31:00"


FUTURE = """
[[instrument]]
instrument = "dax-eur.replay"
kind = "future"
multiplier = "5"
lot_size = "1"
tick_size = "0.5"
"""


def test_two_currencies_and_no_order_without_a_rate(case: Case) -> None:
    case.bars("dax-eur-1m.csv", "10:00", [100.0] * 10 + [120.0] * 10)
    rates = [(at("10:03"), "1.05"), (at("10:15"), "1.10")]
    lines = [f"{ts},EUR,USD,{rate}" for ts, rate in rates]
    (case.folder / "rates.csv").write_text("\n".join(["timestamp,base,quote,rate", *lines]) + "\n")
    plan = {
        "10:02": "self.long(bar.instrument, quantity=10)",
        "10:05": "self.long(bar.instrument, quantity=10)",
        "10:12": "self.flat(bar.instrument)",
    }
    outcome, report = case.outcome(case.session(FUTURE, plan))
    (refused,) = refusals(outcome)
    assert (refused.rule, refused.text) == ("rate", "no rate for EUR")
    # 10 contracts of 5: 5000 EUR at 100, 6000 EUR at 120; 1000 EUR earned.
    assert fills(outcome) == [("10:05:00", "100", "2.5"), ("10:12:00", "120", "3")]
    # All of it is worth 1.10 at the end.
    assert (report.pnl_realized, report.fees, report.equity_end) == ("1100", "6.05", "101093.95")
    assert outcome.fills_hash[:16] == "cf44e35f778bc2e3"


def test_trades_are_told_in_account_currency_at_the_rate_of_their_end(case: Case) -> None:
    case.bars("dax-eur-1m.csv", "10:00", [100.0] * 10 + [120.0] * 10)
    (case.folder / "rates.csv").write_text(
        f"timestamp,base,quote,rate\n{at('10:01')},EUR,USD,1.05\n{at('10:15')},EUR,USD,1.10\n"
    )
    plan = {"10:05": "self.long(bar.instrument, quantity=10)", "10:12": "self.flat(bar.instrument)"}
    case.outcome(case.session(FUTURE, plan))
    (file,) = case.folder.glob("*/metrics.json")
    trades = json.loads(file.read_text())["trades"]
    # 1000 EUR less 5.50 in fees, when a EUR was worth 1.05.
    assert (trades["best"], trades["won"]) == ("1044.225", 1)


def test_a_rate_that_was_tampered_with_is_found(case: Case) -> None:
    case.bars("dax-eur-1m.csv", "10:00", [100.0] * 10 + [120.0] * 10)
    (case.folder / "rates.csv").write_text(f"timestamp,base,quote,rate\n{at('10:01')},EUR,USD,1.05\n")
    plan = {"10:05": "self.long(bar.instrument, quantity=10)", "10:12": "self.flat(bar.instrument)"}
    case.outcome(case.session(FUTURE, plan))
    (events,) = case.folder.glob("*/events.jsonl")
    events.write_text(events.read_text().replace('"rates":{"EUR":"1.05"}', '"rates":{"EUR":"1.06"}'))
    found = [str(each) for each in validate_folder(events.parent)]
    assert any("realised PnL of the account" in each for each in found), found


def test_prices_of_an_instrument_convert_as_rates_do(case: Case) -> None:
    case.bars("dax-eur-1m.csv", "10:00", [100.0] * 10 + [120.0] * 10)
    case.bars("eur-usd-1m.csv", "10:00", [1.05] * 14 + [1.10] * 6)
    plan = {"10:05": "self.long('dax-eur.replay', quantity=10)", "10:12": "self.flat('dax-eur.replay')"}
    settings = (
        'ingest.rates=["eur-usd.replay"]',
        "ingest.rate_interval=5m",
        'run.instruments=["dax-eur.replay"]',
    )
    outcome, report = case.outcome(case.session(FUTURE, plan, *settings))
    assert fills(outcome) == [("10:05:00", "100", "2.5"), ("10:12:00", "120", "3")]
    assert report.equity_end == "101093.95"


def test_rates_of_an_instrument_without_prices_are_an_error(case: Case) -> None:
    case.bars("dax-eur-1m.csv", "10:00", [100.0] * 3)
    chosen = case.session(FUTURE, {})
    wrong = chosen.ingest.model_copy(update={"rates": ("eur-usd.replay",)})
    with pytest.raises(SourceError, match="no source has bars, trades or quotes of eur-usd"):
        open_sources(wrong)


INVERSE = """
[[instrument]]
instrument = "btc-usd.replay"
kind = "perpetual"
files = ["btc-usd-*"]
base = "BTC"
quote = "USD"
settlement = "BTC"
inverse = true
multiplier = "100"
lot_size = "1"
tick_size = "0.5"
volume_unit = "quote"
"""


def test_an_inverse_contract_settles_in_its_base(case: Case) -> None:
    case.bars("btc-usd-1m.csv", "10:00", [50_000.0] * 10 + [40_000.0] * 10, volume=10_000_000)
    lines = [f"{at('10:01')},BTC,USD,50000", f"{at('10:11')},BTC,USD,40000"]
    (case.folder / "rates.csv").write_text("\n".join(["timestamp,base,quote,rate", *lines]) + "\n")
    plan = {"10:05": "self.long(bar.instrument, quantity=50)", "10:15": "self.flat(bar.instrument)"}
    outcome, report = case.outcome(case.session(INVERSE, plan))
    # 50 contracts of 100 USD: 0.1 BTC at 50000, 0.125 BTC at 40000. Lost: 5000 / 40000 - 5000 / 50000 BTC.
    assert fills(outcome) == [("10:05:00", "50000", "0.00005"), ("10:15:00", "40000", "0.0000625")]
    assert (report.pnl_realized, report.fees, report.equity_end) == ("-1000", "4.5", "98995.5")
    # Lost 0.025 BTC, and paid 0.0001125 in fees: owed, for there was none to begin with.
    assert {each.currency: each.total for each in report.balances} == {"BTC": "-0.0251125", "USD": "100000"}
    assert outcome.fills_hash[:16] == "eac375f3416a626e"


def test_a_future_is_settled_at_its_last_price(case: Case) -> None:
    case.bars("dax-eur-1m.csv", "10:00", [100.0] * 10 + [120.0] * 2 + [500.0] * 8)
    expiry = at("10:12") * 10**9
    plan = {
        "10:05": "self.long(bar.instrument, quantity=10)",
        "10:11": "self.long(bar.instrument, quantity=11, style=limit(90))",
        "10:18": "self.long(bar.instrument, quantity=20)",
    }
    chosen = case.session(FUTURE + f"expiry = {expiry}\n", plan, capital="100000 EUR")
    outcome, report = case.outcome(chosen)
    # Settled once risk has heard that nothing works any more.
    assert fills(outcome) == [("10:05:00", "100", "2.5"), ("10:14:00", "120", "3")]
    (expired,) = endings(outcome)
    assert (expired.to_state, utc_text(expired.ts)[11:19]) == (OrderState.EXPIRED, "10:12:00")
    assert [each.text for each in refusals(outcome)] == ["expired at 2024-11-29T10:12:00Z"]
    last = [each for each in outcome.outputs["risk"] if type(each) is OrderApproved][-1]
    assert last.reason == "expiry"
    assert report.equity_end == "100994.5"


def test_a_halted_instrument_routes_nothing_until_it_trades_again(case: Case) -> None:
    case.bars("dax-eur-1m.csv", "10:00", [100.0] * 20)
    lines = [f"{at('10:04')},halted,volatility", f"{at('10:10')},trading,"]
    (case.folder / "dax-eur-status.csv").write_text("\n".join(["timestamp,status,reason", *lines]) + "\n")
    plan = {
        "10:02": "self.long(bar.instrument, quantity=1, style=limit(100.5, time_in_force=TimeInForce.GTC))",
        "10:06": "self.long(bar.instrument, quantity=2)",
        "10:12": "self.long(bar.instrument, quantity=3)",
    }
    outcome, _ = case.outcome(case.session(FUTURE, plan, capital="100000 EUR"))
    assert [(each.rule, each.text) for each in refusals(outcome)] == [("market_closed", "halted")]
    assert [when for when, _, _ in fills(outcome)] == ["10:02:00", "10:12:00", "10:21:00"]
