"""One decorator declares a message; the registry knows it by subject and by class."""

from typing import Annotated

import numpy as np
import pytest
from penstock_contracts.base import first_type_of, message, message_type, message_types, type_of
from penstock_contracts.columns import I64, Matrix, column_of, text_column
from penstock_contracts.interval import Done
from penstock_contracts.market import Mark, TradeBatch
from penstock_contracts.subjects import slug
from support.messages import mark, trades


def test_a_type_is_known_by_family_kind_and_version() -> None:
    entry = message_type("md", "trade", 1)
    assert entry is not None
    assert (entry.name, entry.cls) == ("penstock.market.trade.v1", TradeBatch)
    assert type_of(trades()) is entry is first_type_of(TradeBatch)
    assert message_type("md", "trade", 2) is None
    assert message_type("feat", "trade", 1) is None


def test_plain_fields_and_columns_are_told_apart_in_the_order_of_the_class() -> None:
    entry = first_type_of(TradeBatch)
    assert entry.fields == ("instrument", "source", "price_scale", "size_scale")
    assert [name for name, _ in entry.columns] == [
        "ts_event", "ts_init", "price", "size", "side", "flags", "trade_id",
    ]  # fmt: skip
    assert first_type_of(Mark).columns == ()


def test_a_kind_cannot_be_registered_twice() -> None:
    before = message_types()
    with pytest.raises(TypeError, match="registered twice"):

        @message("md", "mark")
        class Again:
            """Would shadow the mark."""

            ts: int

    assert message_types() == before


def test_every_family_of_a_shared_class_has_its_own_type_of_one_layout() -> None:
    entries = [entry for entry in message_types() if entry.cls is Done]
    assert [entry.family for entry in entries] == ["feat", "ord", "sig", "ven"]
    assert {entry.fields for entry in entries} == {first_type_of(Done).fields}


def test_kinds_are_subject_tokens() -> None:
    assert all(slug(entry.kind) == entry.kind for entry in message_types())


def test_messages_are_slotted_and_keyword_only() -> None:
    with pytest.raises(AttributeError):
        mark().note = "x"
    with pytest.raises(TypeError):
        Mark(1, 0)  # type: ignore[misc]


def test_a_hint_without_a_column_is_a_plain_field() -> None:
    assert column_of(int) is None
    assert column_of(Annotated[int, "x"]) is None
    assert (column := column_of(I64)) is not None
    assert column.dtype == "<i8"
    assert (matrix := column_of(Matrix)) is not None
    assert matrix.names == "names"


def test_text_columns_are_as_wide_as_their_longest_text() -> None:
    assert text_column(["a", "", "früh"]).dtype == np.dtype("S5")
    assert text_column([]).dtype == text_column([""]).dtype == np.dtype("S1")
    assert text_column([]).shape == (0,)
