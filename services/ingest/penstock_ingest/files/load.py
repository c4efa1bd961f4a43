"""Bytes of a file to a frame of raw columns: text from CSV, typed from Parquet and from JSON lines."""

import re
import struct
import zlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penstock_ingest.errors import FileError, FileMissing
from penstock_ingest.files.lines import ROW, book_lines

_DAMAGE = (
    BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError,
    OverflowError,
)  # fmt: skip
"""What reading a damaged archive raises."""
_SEPARATORS = ",;\t|"
_NUMBER = re.compile(r"[+-]?[\d.]+(e[+-]?\d+)?|\d{4}-\d\d-\d\d.*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RawFrame:
    """A file's columns as they are, with the row numbers, and which rows had too many fields."""

    frame: pl.DataFrame
    columns: list[str]
    ragged: NDArray[np.bool_]


def load(file: Path, numbered: bool) -> RawFrame:
    """Read a file whole. `numbered`: without header line, its columns are called 1, 2, … FileError."""
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        raise FileMissing(file, "no such file", "check the path") from None
    except OSError as error:
        raise FileMissing(file, f"cannot be read ({error.strerror})", "check path and permissions") from None
    if not data:
        raise FileError(file, "empty", "give a file with rows")
    if data[:4] == b"PAR1" or file.name.lower().endswith((".parquet", ".pq")):
        return _parquet(file, data)
    if data[:4] == b"PK\x03\x04":
        data = _unzip(file, data)
    if data[:2] == b"\x1f\x8b":
        data = _gunzip(file, data)
    elif file.name.lower().endswith(".gz"):
        raise FileError(file, "not gzip, whatever its name says", "rename or compress it")
    elif b"\0" in data[:4096]:
        raise FileError(
            file, "neither text nor Parquet", "give CSV, JSON lines or Parquet, or one of them packed"
        )
    if data.lstrip()[:1] == b"{":
        frame, broken = book_lines(file, data)
        return _framed(file, frame, ragged=broken)
    return _csv(file, data, numbered)


def _unzip(file: Path, data: bytes) -> bytes:
    """The one file in an archive."""
    try:
        with ZipFile(BytesIO(data)) as archive:
            members = [each for each in archive.infolist() if not each.is_dir()]
            if len(members) != 1:
                raise FileError(file, f"an archive of {len(members)} files", "give an archive of one file")
            return archive.read(members[0])
    except _DAMAGE as error:
        raise FileError(
            file, f"damaged archive ({str(error) or type(error).__name__})", "fetch the file again"
        ) from None


def _gunzip(file: Path, data: bytes) -> bytes:
    parts: list[bytes] = []
    while data:
        reader = zlib.decompressobj(wbits=31)
        try:
            parts.append(reader.decompress(data))
        except zlib.error as error:
            rows = b"".join(parts).count(b"\n")
            raise FileError(file, f"damaged gzip ({error})", "fetch the file again", row=rows + 1) from None
        if not reader.eof:
            rows = b"".join(parts).count(b"\n")
            raise FileError(file, "gzip cut off in this row", "fetch the file again", row=rows + 1)
        data = reader.unused_data.lstrip(b"\0")
    return b"".join(parts)


def _parquet(file: Path, data: bytes) -> RawFrame:
    try:
        frame = pl.read_parquet(data)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        what = f"not readable as Parquet ({str(error).splitlines()[0]})"
        raise FileError(file, what, "fetch or write the file again") from None
    return _framed(file, _numbered(frame, 1), ragged=None)


def _csv(file: Path, data: bytes, numbered: bool) -> RawFrame:
    header = data.removeprefix(b"\xef\xbb\xbf").split(b"\n", 1)[0].decode(errors="replace").strip()
    if not header:
        raise FileError(file, "the first line is empty", "begin with a header line", row=1)
    separator = max(_SEPARATORS, key=header.count)
    fields = [each.strip().strip('"') for each in header.split(separator)]
    if not numbered and all(_NUMBER.fullmatch(each) for each in fields):
        mend = "add one, or number the columns, as in --columns ts=1,price=2,size=3"
        raise FileError(file, "no header line", mend, row=1)
    ragged = None
    try:
        frame = _parse(data, separator, numbered, truncate=False)
    except pl.exceptions.NoDataError:
        raise FileError(file, "empty", "give a file with rows") from None
    except pl.exceptions.PolarsError:
        ragged = _too_long(data, separator, len(fields))
        try:
            frame = _parse(data, separator, numbered, truncate=True)
        except pl.exceptions.PolarsError as error:
            what = f"not readable as CSV ({str(error).splitlines()[0]})"
            raise FileError(file, what, "check separators and quotes") from None
        if len(frame) != len(ragged) - (not numbered):
            raise FileError(file, "line breaks inside fields", "write each row on one line") from None
        ragged = ragged[0 if numbered else 1 :]
    if numbered:
        frame.columns = [str(number + 1) for number in range(frame.width)]
    frame.columns = _unique([name.strip() for name in frame.columns])
    return _framed(file, _numbered(frame, 1 if numbered else 2), ragged=ragged)


def _parse(data: bytes, separator: str, numbered: bool, truncate: bool) -> pl.DataFrame:
    return pl.read_csv(
        data,
        separator=separator,
        has_header=not numbered,
        infer_schema=False,
        truncate_ragged_lines=truncate,
        encoding="utf8-lossy",
    )


def _too_long(data: bytes, separator: str, fields: int) -> NDArray[np.bool_]:
    """Which lines have more fields than the first."""
    lines = data.rstrip(b"\r\n").split(b"\n")
    mark = separator.encode()
    return np.array([line.count(mark) >= fields for line in lines], dtype=np.bool_)


def _unique(names: list[str]) -> list[str]:
    return [name if names.index(name) == at else f"{name}_{at + 1}" for at, name in enumerate(names)]


def _numbered(frame: pl.DataFrame, first_row: int) -> pl.DataFrame:
    return frame.with_row_index(ROW, offset=first_row)


def _framed(file: Path, frame: pl.DataFrame, ragged: NDArray[np.bool_] | None) -> RawFrame:
    columns = [name for name in frame.columns if name != ROW]
    if ragged is None:
        ragged = np.zeros(len(frame), dtype=np.bool_)
    blank = frame.select(pl.all_horizontal(pl.col(columns).is_null())).to_series()
    if blank.any():
        ragged, frame = ragged[~blank.to_numpy()], frame.filter(~blank)
    if frame.is_empty():
        raise FileError(file, "no rows", "give a file with rows")
    return RawFrame(frame, columns, ragged)
