"""Rates from the prices of instruments."""

from decimal import Decimal
from pathlib import Path

import pytest
from penstock_contracts.market import Rate
from penstock_ingest.config import IngestConfig
from penstock_ingest.errors import DefinitionError, SourceError
from penstock_ingest.feed import Feed
from penstock_ingest.instruments import load_definitions
from penstock_ingest.sources import open_sources
from support.ingest import BEGIN, SECOND, bars_file, write_csv

KEY = "eur-usd.replay"


def opened(*files: Path, every: str = "10s", instruments: Path | None = None) -> list[Feed]:
    sources = tuple(f"replay:{file}" for file in files)
    return open_sources(
        IngestConfig.model_validate(
            {"sources": sources, "rates": [KEY], "rate_interval": every, "instruments_file": instruments}
        )
    )


def told(feeds: list[Feed]) -> list[tuple[int, Decimal]]:
    (feed,) = [each for each in feeds if each.name == f"rate.{KEY}"]
    rates = feed.read_until(2**62)
    assert all(isinstance(each, Rate) and (each.base, each.quote) == ("EUR", "USD") for each in rates)
    return [((each.ts_init - BEGIN) // SECOND, each.rate) for each in rates if isinstance(each, Rate)]


def test_the_first_trade_of_each_stretch_is_a_rate(tmp_path: Path) -> None:
    rows = [f"{BEGIN + at * SECOND},{at},{1.05 + at / 1000:.3f},1" for at in (0, 3, 9, 10, 11, 35)]
    file = write_csv(tmp_path, "eur-usd-trades.csv", "ts,id,price,size", rows)
    assert told(opened(file)) == [(0, Decimal("1.050")), (10, Decimal("1.060")), (35, Decimal("1.085"))]


def test_quotes_give_their_middle(tmp_path: Path) -> None:
    rows = [f"{BEGIN + at * SECOND},1.050{at},1.051{at},5,5" for at in range(3)]
    file = write_csv(tmp_path, "eur-usd-quotes.csv", "ts,bid,ask,bid_size,ask_size", rows)
    middles = [(at, (Decimal(f"1.050{at}") + Decimal(f"1.051{at}")) / 2) for at in range(3)]
    assert told(opened(file, every="1s")) == middles


def test_the_rates_come_with_an_instrument_that_they_convert(tmp_path: Path) -> None:
    rows = [f"{BEGIN + at * SECOND},{at},1.05,1" for at in range(3)]
    file = write_csv(tmp_path, "eur-usd-trades.csv", "ts,id,price,size", rows)
    feeds = opened(bars_file(tmp_path, name="dax-eur-1m.csv"), file)
    (rates,) = [each for each in feeds if each.name == f"rate.{KEY}"]
    assert rates.instrument.instrument == "dax-eur.replay"


def test_what_no_file_has_or_what_is_no_price_of_its_base_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no source has bars, trades or quotes of eur-usd"):
        opened(bars_file(tmp_path))
    rows = [f"{BEGIN},0,1.05,1"]
    file = write_csv(tmp_path, "eur-usd-trades.csv", "ts,id,price,size", rows)
    toml = tmp_path / "instruments.toml"
    toml.write_text(f'[[instrument]]\ninstrument = "{KEY}"\nmultiplier = "100"\n')
    with pytest.raises(SourceError, match="is not one of a EUR"):
        opened(file, instruments=toml)


def test_an_expiry_may_be_written_as_a_time(tmp_path: Path) -> None:
    toml = tmp_path / "instruments.toml"
    toml.write_text(f'[[instrument]]\ninstrument = "{KEY}"\nexpiry = 2024-11-29T12:00:00+01:00\n')
    assert load_definitions(toml)[0].values["expiry"] == 1_732_878_000 * SECOND
    toml.write_text(f'[[instrument]]\ninstrument = "{KEY}"\nexpiry = 2024-11-29T12:00:00\n')
    with pytest.raises(DefinitionError, match="expiry: say in which zone"):
        load_definitions(toml)
