import struct
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock_recorder import binary
from penstock_recorder.binary import Cells

INT64 = st.integers(-(2**63), 2**63 - 1)


def fields(columns: list[Cells]) -> list[list[bytes | None]]:
    """The rows as PostgreSQL reads them: a count, then length and bytes of each field."""
    data = binary.rows_bytes(columns)
    rows = []
    offset = 0
    while offset < len(data):
        (count,) = struct.unpack_from(">h", data, offset)
        offset += 2
        row: list[bytes | None] = []
        for _ in range(count):
            (length,) = struct.unpack_from(">i", data, offset)
            offset += 4
            row.append(None if length < 0 else data[offset : offset + length])
            offset += max(length, 0)
        rows.append(row)
    return rows


def numeric_of(field: bytes | None) -> Decimal:
    """The value of PostgreSQL's binary NUMERIC."""
    assert field is not None
    count, weight, sign, scale = struct.unpack_from(">hhHh", field)
    digits = struct.unpack_from(f">{count}h", field, 8)
    assert all(0 <= digit < 10_000 for digit in digits)
    assert len(field) == 8 + 2 * count
    whole = sum(digit * 10 ** (4 * (count - 1 - place)) for place, digit in enumerate(digits))
    value = Decimal(whole).scaleb(4 * (weight + 1 - count))
    assert value == value.quantize(Decimal(1).scaleb(-scale))  # no digit behind the scale is dropped
    return -value if sign == 0x4000 else value


@given(st.lists(INT64, min_size=1, max_size=20), st.integers(0, 18))
def test_a_number_is_exact_at_every_scale(values: list[int], scale: int) -> None:
    cells = binary.numeric(np.array(values, np.int64), scale)
    assert [numeric_of(row[0]) for row in fields([cells])] == [
        Decimal(each).scaleb(-scale) for each in values
    ]


@given(st.lists(st.tuples(INT64, st.booleans(), st.binary(max_size=6)), min_size=1, max_size=12))
def test_null_and_text_of_any_length_leave_their_neighbours_alone(
    cells: list[tuple[int, bool, bytes]],
) -> None:
    ids = [text.replace(b"\x00", b"") for _, _, text in cells]
    null = np.array([missing for _, missing, _ in cells])
    found = fields(
        [
            binary.constant_text("before", len(cells)),
            binary.bigint(np.array([value for value, _, _ in cells], np.int64), null=null),
            binary.text(np.array(ids, dtype="S6")),
            binary.constant(None, len(cells)),
            binary.constant_bigint(-1, len(cells)),
        ]
    )
    assert found == [
        [b"before", None if missing else struct.pack(">q", value), text or None, None, b"\xff" * 8]
        for (value, missing, _), text in zip(cells, ids, strict=True)
    ]


def test_a_float_that_is_none_is_null_but_in_an_array_it_stays() -> None:
    ((value,), (none,)) = fields([binary.float8(np.array([0.1, np.nan]))])
    assert (value, none) == (struct.pack(">d", 0.1), None)
    (array,), _ = fields([binary.float8_array(np.array([[0.1, np.nan], [1.0, 2.0]]))])
    assert array == struct.pack(">6i", 1, 0, 701, 2, 1, 8) + struct.pack(">d", 0.1) + struct.pack(
        ">id", 8, np.nan
    )


def test_an_array_without_elements_has_no_dimension() -> None:
    ((array,),) = fields([binary.float8_array(np.empty((1, 0)))])
    assert array == struct.pack(">iii", 0, 0, 701)
    ((names,),) = fields([binary.constant_text_array((), 1)])
    assert names == struct.pack(">iii", 0, 0, 25)


def test_what_has_no_name_is_null() -> None:
    found = fields([binary.choice(np.array([1, -1, 0, 7], np.int8), {1: "buy", -1: "sell"})])
    assert [row[0] for row in found] == [b"buy", b"sell", None, None]


def test_a_view_of_a_larger_column_is_encoded_as_what_it_shows() -> None:
    column = np.arange(10, dtype=np.int64)[::3]
    assert fields([binary.bigint(column)]) == [[struct.pack(">q", value)] for value in (0, 3, 6, 9)]


def test_flags_keep_their_sign() -> None:
    assert fields([binary.smallint(np.array([-1, 8], np.int8))]) == [[b"\xff\xff"], [b"\x00\x08"]]


@pytest.mark.parametrize("value", [0, -1, 10**18, -(10**18), 2**63 - 1, -(2**63)])
def test_the_largest_and_the_smallest_number_are_exact(value: int) -> None:
    ((cell,),) = fields([binary.numeric(np.array([value], np.int64), 18)])
    assert numeric_of(cell) == Decimal(value).scaleb(-18)
