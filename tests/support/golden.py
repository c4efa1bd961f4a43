"""The golden corpus: messages as they were once written. They must decode for ever.

`cd tests && python -m support.golden` adds what is missing and never changes what is there: an example
that is written differently from every golden message of its type becomes the next number.
"""

import sys
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from penstock_contracts.base import Message, MessageType, message_types
from penstock_contracts.codec import encode
from penstock_contracts.headers import Origin, numbered, unnumbered
from penstock_contracts.subjects import key_of, subject
from support.message_examples import examples
from support.messages import START

FOLDER = Path(__file__).parents[1] / "contract" / "golden"
SUMS = FOLDER / "SHA256SUMS"


@dataclass(frozen=True)
class Golden:
    """One message as it was written."""

    entry: MessageType
    path: Path

    @property
    def body(self) -> bytes:
        """The message."""
        return self.path.read_bytes()

    @property
    def headers(self) -> tuple[str, bytes]:
        """Subject and header block."""
        first, _, block = self.path.with_suffix(".headers").read_bytes().partition(b"\n")
        return first.decode(), block


def goldens(entry: MessageType) -> list[Golden]:
    """The golden messages of a type, oldest first."""
    suffix = "bin" if entry.columns else "json"
    paths = FOLDER.glob(f"{entry.name}.*.{suffix}")
    return [Golden(entry, path) for path in sorted(paths, key=lambda path: int(path.stem.rpartition(".")[2]))]


def corpus() -> list[Golden]:
    """All of them."""
    return [golden for entry in message_types() for golden in goldens(entry)]


def sums() -> dict[str, str]:
    """File names and their SHA-256 as recorded when they were added."""
    lines = SUMS.read_text().splitlines() if SUMS.exists() else []
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def _header_file(entry: MessageType, message: Message) -> bytes:
    where = subject(0, entry.family, entry.major, entry.kind, key_of(message))
    if entry.family == "ctl":
        block = unnumbered(entry.name, "c-01HV3Z", START, partition=0, source="control")
    else:
        block = numbered(
            entry.name,
            Origin("ingest" if entry.family == "md" else "stage", 42, 1_204),
            START,
            partition=0,
            config="b1946ac92492d2347c6235b4d2611184",
            cause="ingest:42:1203",
            traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            received=START + 1_250_000,
        )
    return where.encode() + b"\n" + block


def add_missing() -> list[Path]:
    """Write the examples that no golden message is equal to; returns the files added."""
    added: list[Path] = []
    for entry in message_types():
        message = examples()[entry.name]
        body = encode(message)
        existing = goldens(entry)
        if any(golden.body == body for golden in existing):
            continue
        path = FOLDER / f"{entry.name}.{len(existing) + 1}.{'bin' if entry.columns else 'json'}"
        for target, data in ((path, body), (path.with_suffix(".headers"), _header_file(entry, message))):
            with target.open("xb") as file:
                file.write(data)
            added.append(target)
    with SUMS.open("a") as file:
        file.writelines(f"{sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in added)
    return added


if __name__ == "__main__":
    sys.stdout.writelines(f"{path.name}\n" for path in add_missing())
