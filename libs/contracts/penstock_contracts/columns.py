"""Column types of the batches, and their layout on the wire.

A columnar message is a JSON header and raw columns::

    uint32 LE   length of the header in bytes, padding included
    header      UTF-8 JSON: the plain fields, `rows`, and `widths` of text columns; padded with
                spaces so that the first column starts on an 8-byte boundary
    columns     in the order of the class, little endian, C order, each padded to 8 bytes

Decoding copies nothing: the arrays are read-only views of the message.
"""

from dataclasses import dataclass
from typing import Annotated, Any, get_origin

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Column:
    """Layout of one column: a NumPy dtype, or text of a width that the message states."""

    dtype: str
    """`<i8`, `<f8`, `<i4`, `|i1`, or `S` for UTF-8 text padded with NUL."""
    names: str = ""
    """For a matrix: the plain field whose length is the number of columns."""


I64 = Annotated[NDArray[np.int64], Column("<i8")]
I32 = Annotated[NDArray[np.int32], Column("<i4")]
I8 = Annotated[NDArray[np.int8], Column("|i1")]
F64 = Annotated[NDArray[np.float64], Column("<f8")]
Text = Annotated[NDArray[np.bytes_], Column("S")]
Matrix = Annotated[NDArray[np.float64], Column("<f8", names="names")]
"""One row per row of the batch, one column per entry of the message's `names`."""


def column_of(hint: Any) -> Column | None:
    """The layout that a type hint declares, or None for a plain field."""
    if get_origin(hint) is not Annotated:
        return None
    return next((part for part in hint.__metadata__ if isinstance(part, Column)), None)


def text_column(values: list[str]) -> NDArray[np.bytes_]:
    """Strings as a text column; an empty list gives an empty column."""
    encoded = [value.encode() for value in values]
    return np.array(encoded, dtype=f"S{max((len(value) for value in encoded), default=1) or 1}")
