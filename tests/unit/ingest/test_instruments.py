from decimal import Decimal
from pathlib import Path

import pytest
from penstock_contracts.types import InstrumentKind
from penstock_ingest.errors import DefinitionError
from penstock_ingest.instruments import load_definitions
from penstock_ingest.names import from_file, from_symbol, interval_of
from support.ingest import bars_file, open_files, trades_file


@pytest.mark.parametrize(
    ("name", "symbol", "base", "quote", "kind"),
    [
        ("btc-perp-1m-2022-01.csv.gz", "btc-perp", "BTC", "USD", InstrumentKind.PERPETUAL),
        ("eth-btc-5m.parquet", "eth-btc", "ETH", "BTC", InstrumentKind.SPOT),
        ("btc-usdt-2021-01-08.parquet", "btc-usdt", "BTC", "USDT", InstrumentKind.SPOT),
        ("BTCUSDT-aggTrades-2024-01.csv", "btcusdt", "BTC", "USDT", InstrumentKind.SPOT),
        ("eth_usdt_perp_trades.csv", "eth-usdt-perp", "ETH", "USDT", InstrumentKind.PERPETUAL),
        ("trades-sol-usdc.csv", "sol-usdc", "SOL", "USDC", InstrumentKind.SPOT),
        ("aapl-1d.csv", "aapl", "AAPL", "USD", InstrumentKind.SPOT),
    ],
)
def test_a_files_name_tells_the_instrument(
    name: str, symbol: str, base: str, quote: str, kind: InstrumentKind
) -> None:
    named = from_file(Path(name))
    assert (named.symbol, named.base, named.quote, named.kind) == (symbol, base, quote, kind)


def test_a_settlement_behind_a_colon_makes_a_perpetual() -> None:
    named = from_symbol("BTC/USD:BTC")
    assert (named.symbol, named.kind, named.settlement) == ("btc-usd", InstrumentKind.PERPETUAL, "BTC")


def test_the_interval_in_a_name() -> None:
    assert interval_of(Path("eth-btc-5m.parquet")) == 300 * 10**9
    assert interval_of(Path("btc-usdt.csv")) is None


def test_what_was_assumed_is_said(tmp_path: Path) -> None:
    (feed,) = open_files(trades_file(tmp_path, name="btc-usdt.csv"))
    instrument = feed.instrument
    assert (instrument.tick_size, instrument.lot_size) == (Decimal("0.01"), Decimal(1))
    assert (instrument.fee_taker, instrument.fee_maker) == (Decimal("0.0005"), Decimal("0.0002"))
    said = "\n".join(instrument.assumptions)
    assert all(word in said for word in ("spot", "tick 0.01", "lot 1 BTC", "fees 0.0005 taker"))


def test_a_definition_of_nothing_is_told_where_something_is_not_defined(tmp_path: Path) -> None:
    definitions = tmp_path / "instruments.toml"
    definitions.write_text('[[instrument]]\ninstrument = "gold-usd.replay"\nmultiplier = "10"\n')
    (feed,) = open_files(bars_file(tmp_path, name="gold.csv"), instruments_file=definitions)
    told = "not defined: gold-usd.replay is of no file; `files` of a definition names those that hold it"
    assert told in feed.instrument.assumptions
    definitions.write_text('[[instrument]]\ninstrument = "gold-usd.replay"\nfiles = ["gold.*"]\n')
    (feed,) = open_files(bars_file(tmp_path, name="gold.csv"), instruments_file=definitions)
    assert feed.instrument.instrument == "gold-usd.replay"
    definitions.write_text('[[instrument]]\ninstrument = "xau-eur.replay"\nfiles = ["gold.*"]\n')
    (feed,) = open_files(bars_file(tmp_path, name="gold.csv"), instruments_file=definitions)
    assert (feed.instrument.base, feed.instrument.quote, feed.instrument.settlement) == ("XAU", "EUR", "EUR")
    assert not any("not defined" in each for each in feed.instrument.assumptions)


def test_a_definition_goes_before_what_is_inferred_and_silences_its_assumption(tmp_path: Path) -> None:
    definitions = tmp_path / "instruments.toml"
    definitions.write_text(
        '[[instrument]]\ninstrument = "ltc-eur.replay"\nfiles = ["btc-*.csv"]\nkind = "future"\n'
        'quote = "EUR"\nfee_taker = 0.0007\n'
    )
    (feed,) = open_files(bars_file(tmp_path, name="btc-usdt-1m.csv"), instruments_file=definitions)
    instrument = feed.instrument
    assert instrument.instrument == "ltc-eur.replay"
    assert (instrument.kind, instrument.settlement) == (InstrumentKind.FUTURE, "EUR")
    assert (instrument.fee_taker, instrument.fee_maker) == (Decimal("0.0007"), Decimal("0.0002"))
    assert not any("fees" in text for text in instrument.assumptions)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("instrument = 3", "instrument: write one"),
        ("[instruments]", "instruments: not known"),
        ("[[instrument]]\nkind = 'spot'", "instrument[0].instrument: missing"),
        ("[[instrument]]\ninstrument = 'BTC USDT'", "instrument[0].instrument: "),
        ("[[instrument]]\ninstrument = 'a.b'\ntick = 1", "instrument[0].tick: not known"),
        ("[[instrument]]\ninstrument = 'a.b'\ntick_size = -1", "instrument[0].tick_size: "),
        ("[[instrument]]\ninstrument = 'a.b'\nkind = 'swap'", "instrument[0].kind: "),
        ("[[instrument]]\ninstrument = 'a.b'\nfiles = 'x'", "instrument[0].files: "),
        (
            "[[instrument]]\ninstrument = 'a.b'\n[[instrument]]\ninstrument = 'a.b'",
            "instrument[1].instrument: a.b is",
        ),
        ("[[instrument", "not TOML"),
    ],
)
def test_a_wrong_definition_names_file_and_field(tmp_path: Path, text: str, named: str) -> None:
    file = tmp_path / "instruments.toml"
    file.write_text(text)
    with pytest.raises(DefinitionError) as caught:
        load_definitions(file)
    assert str(caught.value).startswith(f"{file}: {named}")


def test_definitions_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="cannot be read"):
        load_definitions(tmp_path / "none.toml")
