from pathlib import Path

import pytest
from penstock_ingest.build import build_schedule
from penstock_ingest.config import IngestConfig, parse_source
from penstock_ingest.errors import SourceError
from penstock_ingest.sources import choose_grid, instruments_of, open_sources, session_start
from penstock_kernel.session import SessionConfig
from pydantic import ValidationError
from support.ingest import BEGIN, SECOND, bars_file, open_files, trades_file


@pytest.mark.parametrize(
    "text",
    ["", "replay:", "replay", "recording:", "synthetic:", "synthetic:x", "synthetic:-1", "ccxt:binance"],
)
def test_an_unknown_source_says_which_there_are(text: str) -> None:
    with pytest.raises(ValueError, match="use replay:FILE, recording:SESSION, synthetic or synthetic:SEED"):
        parse_source(text)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sources", ["nothing:x"]),
        ("sources", []),
        ("speed", "0x"),
        ("speed", "fast"),
        ("duration", "2 weeks"),
        ("duration", 0),
        ("batch_rows", 0),
        ("price_jump_max", -1),
        ("synthetic", {"rate": 0}),
        ("synthetic", {"symbols": {"BTC": 1}}),
        ("synthetic", {"symbols": {"btc-usdt": -1}}),
        ("synthetic", {"malformed": -1}),
        ("unknown", 1),
    ],
)
def test_a_wrong_setting_is_refused_under_its_name(field: str, value: object) -> None:
    with pytest.raises(ValidationError) as caught:
        IngestConfig.model_validate({field: value})
    assert caught.value.errors()[0]["loc"][0] == field


def test_speeds_and_durations_are_read() -> None:
    assert IngestConfig(speed="60x").speed_factor == 60
    assert IngestConfig(speed="max").speed_factor is None
    assert IngestConfig.model_validate({"duration": "1.5m"}).duration == 90 * SECOND
    config = IngestConfig.model_validate({"duration": "2m", "synthetic": {"malformed": 3}})
    assert IngestConfig.model_validate_json(config.model_dump_json()) == config


def test_every_setting_is_described() -> None:
    fields = {**IngestConfig.model_fields, **type(IngestConfig().synthetic).model_fields}
    assert [name for name, field in fields.items() if not field.description and name != "synthetic"] == []


def test_a_seed_in_the_name_goes_before_the_setting() -> None:
    def first(source: str, seed: int) -> list[int]:
        config = IngestConfig.model_validate({"sources": (source,), "synthetic": {"seed": seed}})
        (batch, *_) = open_sources(config)[0].read_until(config.synthetic.start + 10 * SECOND)
        return list(batch.price)

    assert first("synthetic:7", 1) == first("synthetic", 7) != first("synthetic", 1)


def test_the_same_source_twice_and_two_markets_are_refused(tmp_path: Path) -> None:
    file = trades_file(tmp_path)
    with pytest.raises(SourceError, match="twice"):
        open_files(file, file)
    with pytest.raises(SourceError, match="only one synthetic"):
        open_sources(IngestConfig(sources=("synthetic:1", "synthetic:2")))


def test_two_files_of_one_name_have_feeds_of_two_names(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    feeds = open_files(trades_file(tmp_path), trades_file(tmp_path / "b"), bars_file(tmp_path))
    assert [feed.name for feed in feeds] == [
        "1-btc-usdt-trades.csv",
        "2-btc-usdt-trades.csv",
        "3-btc-usdt-1m.csv",
    ]
    assert len(instruments_of(feeds)) == 1


def test_a_schedule_follows_the_sessions_instruments(tmp_path: Path) -> None:
    config = IngestConfig(
        sources=(f"replay:{trades_file(tmp_path)}", f"replay:{bars_file(tmp_path, name='eth-usdt-1m.csv')}")
    )
    feeds = open_sources(config)
    grid = choose_grid(feeds)
    chosen = feeds[0].instrument

    def session(*instruments: object) -> SessionConfig:
        values = {"session_id": "x", "currency": "USDT", "capital": "1", "grid": grid, "strategies": ()}
        return SessionConfig.model_validate(
            {**values, "instruments": instruments, "start": session_start(feeds, grid)}
        )

    schedule = build_schedule(config, session(chosen))
    assert list(schedule.positions()) == ["1-btc-usdt-trades.csv"]
    assert schedule.next_time == BEGIN
    other = type(chosen)(**{**_fields(chosen), "instrument": "doge-usdt.replay"})
    with pytest.raises(SourceError, match="no source has doge-usdt"):
        build_schedule(config, session(chosen, other))


def _fields(instrument: object) -> dict[str, object]:
    return {name: getattr(instrument, name) for name in instrument.__slots__}  # type: ignore[attr-defined]
