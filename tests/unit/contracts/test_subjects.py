"""Subjects are built and parsed in one place, and say the same both ways."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock_contracts.base import FAMILIES, message_types
from penstock_contracts.subjects import (
    NONE,
    Subject,
    claim_subject,
    family_filters,
    instrument_key,
    key_of,
    parse,
    slug,
    stream_name,
    stream_subjects,
    subject,
)
from penstock_contracts.types import InstrumentKey
from pydantic import TypeAdapter
from support.message_examples import examples
from support.messages import KEY, PERPETUAL, instrument, trades

TOKEN = st.from_regex(r"[a-z0-9_-]{1,20}", fullmatch=True)


@given(
    st.builds(
        Subject,
        st.integers(0, 999),
        st.sampled_from(FAMILIES),
        st.integers(1, 99),
        TOKEN,
        venue=TOKEN,
        instrument=TOKEN,
    )
)
def test_a_subject_is_parsed_into_what_it_was_built_of(parts: Subject) -> None:
    text = subject(
        parts.partition, parts.family, parts.major, parts.kind, f"{parts.instrument}.{parts.venue}"
    )
    assert parse(text) == parts


def test_a_subject_without_instrument_says_so_in_both_tokens() -> None:
    assert subject(0, "md", 1, "mark") == "p0.md.v1.mark._._"
    assert subject(0, "md", 1, "trade", "btc-usdt.binance") == "p0.md.v1.trade.binance.btc-usdt"


@pytest.mark.parametrize("key", ["btc", ".binance", "btc.", "BTC.x", "a.b.c", "a b.c", "a.>", "*.x", "a.b\n"])
def test_a_key_that_would_leave_its_tokens_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="not a subject token"):
        subject(0, "md", 1, "trade", key)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "p0.md.v1.trade.binance",
        "p0.md.v1.trade.binance.btc.x",
        "p0.md.v1.trade.binance.btc\n",
        "p0.xx.v1.trade.binance.btc",
        "0.md.v1.trade.binance.btc",
        "p0.md.1.trade.binance.btc",
        "p" + "9" * 5_000 + ".md.v1.trade.binance.btc",
        "p٣.md.v1.trade.binance.btc",
        "$JS.API.INFO",
    ],
)
def test_what_is_not_a_subject_of_the_log_is_none(text: str) -> None:
    assert parse(text) is None


@pytest.mark.parametrize(
    ("symbol", "token"),
    [
        ("BTC/USDT", "btc-usdt"),
        ("BTC-USDT-PERP", "btc-usdt-perp"),
        ("btc_usdt", "btc_usdt"),
        (" ETH  1x! ", "eth-1x"),
    ],
)
def test_symbols_become_tokens(symbol: str, token: str) -> None:
    assert slug(symbol) == token


@pytest.mark.parametrize("symbol", ["", "///", "_", "é", "x" * 65])
def test_a_symbol_of_which_nothing_is_left_or_that_means_none_is_refused(symbol: str) -> None:
    with pytest.raises(ValueError, match="no subject token"):
        slug(symbol)


@given(st.text(max_size=30), st.text(max_size=40))
def test_every_instrument_key_that_is_made_is_one(symbol: str, venue: str) -> None:
    try:
        key = instrument_key(symbol, venue)
    except ValueError:
        return
    TypeAdapter(InstrumentKey).validate_python(key)
    assert parse(subject(0, "md", 1, "trade", key)) is not None


def matches(pattern: str, text: str) -> bool:
    """Whether a NATS filter takes a subject."""
    expression = re.escape(pattern).replace(r"\*", "[^.]+").replace(">", ".+")
    return re.fullmatch(expression, text) is not None


def test_a_stream_holds_every_message_of_its_partition_and_none_of_another() -> None:
    assert stream_name(3) == "FLOW-3"
    for entry in message_types():
        key = key_of(examples()[entry.name])
        held = [
            any(
                matches(each, subject(partition, entry.family, entry.major, entry.kind, key))
                for each in stream_subjects(3)
            )
            for partition in (3, 33, 0)
        ]
        assert held == [True, False, False]


def test_a_reader_of_a_family_gets_it_in_every_version_with_what_moves_its_epochs() -> None:
    filters = family_filters(0, "md", "ingest")

    def taken(text: str) -> bool:
        return any(matches(each, text) for each in filters)

    assert taken(subject(0, "md", 1, "trade", KEY))
    assert taken(subject(0, "md", 2, "trade", KEY))
    assert taken(subject(0, "ctl", 1, "session"))
    assert taken(claim_subject(0, "ingest"))
    assert not taken(claim_subject(0, "gateway"))
    assert not taken(subject(0, "ctl", 1, "command"))
    assert not taken(subject(0, "feat", 1, "bar", KEY))
    assert not taken(subject(1, "md", 1, "trade", KEY))
    assert len(family_filters(0, "feat", None)) == 2
    assert family_filters(0, "ctl", None) == ["p0.ctl.>"]


def test_a_claim_names_its_producer_last() -> None:
    assert claim_subject(0, "ingest") == f"p0.ctl.v1.claim.{NONE}.ingest"


def test_the_key_of_a_message_is_its_instruments() -> None:
    assert key_of(trades()) == KEY
    assert key_of(examples()["penstock.market.instrument.v1"]) == PERPETUAL == instrument().instrument
    assert key_of(examples()["penstock.market.mark.v1"]) is None
    assert key_of(examples()["penstock.market.gap.v1"]) is None
