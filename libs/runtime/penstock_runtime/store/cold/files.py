"""Rows as Parquet files, exact to the last digit, and proof that a file holds what the database gave.

Integers and floats are columns of their type; everything else (prices, sizes and money, too) is the text
that PostgreSQL writes, so that what comes back is what went. A file's own metadata say what it holds.
"""

import io
import os
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from penstock_runtime.errors import RuntimeFailure
from penstock_runtime.store.tables import Column

_BLOCK_BYTES = 8 << 20
_READ_BYTES = 1 << 20
_INTEGERS = frozenset({"bigint", "integer", "smallint"})
PREFIX = "penstock."


class FileDiffers(RuntimeFailure):
    """A Parquet file does not hold what it should."""


def _arrow(column: Column) -> pa.DataType:
    if column.kind in _INTEGERS:
        return pa.int64()
    return pa.float64() if column.kind == "double precision" else pa.string()


def digest_of(file: Path) -> str:
    """Sixteen hex digits that identify a file's bytes."""
    digest = sha256()
    with file.open("rb") as opened:
        while block := opened.read(_READ_BYTES):
            digest.update(block)
    return digest.hexdigest()[:16]


def batches_of(rows: Path, columns: Sequence[Column]) -> Iterator[pa.RecordBatch]:
    """PostgreSQL's CSV (no header) as batches, always cut in the same places."""
    if not rows.stat().st_size:
        return
    reader = pc.open_csv(
        rows,
        read_options=pc.ReadOptions(
            column_names=[each.name for each in columns], block_size=_BLOCK_BYTES, use_threads=False
        ),
        parse_options=pc.ParseOptions(newlines_in_values=True),
        convert_options=pc.ConvertOptions(
            column_types={each.name: _arrow(each) for each in columns},
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    yield from reader


def write(rows: Path, columns: Sequence[Column], file: Path, about: Mapping[str, str]) -> None:
    """Write a file as a whole or not at all; it is on disk when this returns."""
    metadata = {f"{PREFIX}{name}": value for name, value in about.items()}
    schema = pa.schema([(each.name, _arrow(each)) for each in columns], metadata=metadata)
    file.parent.mkdir(parents=True, exist_ok=True)
    staged = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with pq.ParquetWriter(staged, schema, compression="zstd", write_page_checksum=True) as writer:
            for batch in batches_of(rows, columns):
                writer.write_batch(batch.cast(schema), row_group_size=max(batch.num_rows, 1))
        flush(staged)
        staged.replace(file)
        flush(file.parent)
    finally:
        staged.unlink(missing_ok=True)


def check(rows: Path, columns: Sequence[Column], file: Path) -> int:
    """Read a file back and compare it with the rows that it was made of; returns how many.

    FileDiffers unless every value is the same.
    """
    count = 0
    with _opened(file) as opened:
        expected = list(range(opened.num_row_groups))
        for batch in batches_of(rows, columns):
            if not expected:
                raise FileDiffers(f"{file}: holds fewer rows than the database")
            group = expected.pop(0)
            found = _part(opened, group, file)
            if not _same(pa.Table.from_batches([batch]), found):
                raise FileDiffers(f"{file}: its part {group + 1} is not what the database gave")
            count += batch.num_rows
        if expected:
            raise FileDiffers(f"{file}: holds more rows than the database")
    return count


def about(file: Path) -> dict[str, str]:
    """What a file says of itself. FileDiffers when it is none of ours."""
    with _opened(file) as opened:
        metadata = opened.schema_arrow.metadata or {}
    found = {
        name.decode().removeprefix(PREFIX): value.decode()
        for name, value in metadata.items()
        if name.decode().startswith(PREFIX)
    }
    if "table" not in found:
        raise FileDiffers(f"{file}: not a file that `penstock archive` wrote")
    return found


def columns_in(file: Path) -> list[str]:
    """The columns of a file."""
    with _opened(file) as opened:
        return list(opened.schema_arrow.names)


def csv_of(file: Path) -> Iterator[bytes]:
    """A file's rows as CSV for PostgreSQL, part by part; page checksums are compared."""
    with _opened(file) as opened:
        for group in range(opened.num_row_groups):
            into = io.BytesIO()
            pc.write_csv(_part(opened, group, file), into, pc.WriteOptions(include_header=False))
            yield into.getvalue()


def _opened(file: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(file, page_checksum_verification=True)
    except (OSError, pa.ArrowException) as error:
        why = " ".join(str(error).split())
        raise FileDiffers(f"{file}: cannot be read: {why}") from error


def _part(opened: pq.ParquetFile, group: int, file: Path) -> pa.Table:
    try:
        return opened.read_row_group(group)
    except (OSError, pa.ArrowException) as error:
        why = " ".join(str(error).split())
        raise FileDiffers(f"{file}: damaged: {why}") from error


def _same(left: pa.Table, right: pa.Table) -> bool:
    return bool(_bits(left).equals(_bits(right)))


def _bits(table: pa.Table) -> pa.Table:
    """Floats as their bits: what is not a number equals itself."""
    columns = [
        each.combine_chunks().view(pa.int64()) if pa.types.is_floating(each.type) else each.combine_chunks()
        for each in table.columns
    ]
    return pa.table(dict(zip(table.column_names, columns, strict=True)))


def flush(path: Path) -> None:
    """Bring a file, or a folder's entries, to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
