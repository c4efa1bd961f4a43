"""What a finished session left in the log, by the rule that every reader follows, beside what it should be.

The recorded market data is fed once more to the stages chained in this process: what they put out is what
every service must have put out, byte for byte, however often it was killed.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from penstock_contracts.base import FAMILIES, Family, Message, type_of
from penstock_contracts.codec import decode, encode
from penstock_contracts.control import Session
from penstock_contracts.errors import UnreadableMessage
from penstock_contracts.market import Mark
from penstock_contracts.orders import OrderApproved
from penstock_contracts.venue import Fill, OrderChanged
from penstock_kernel.chain import Chain
from penstock_kernel.topology import PLACES, STAGES
from penstock_research.chained import Stages
from penstock_runtime.log import Delivered, Log
from penstock_runtime.log.cursor import digest_of

QUIET_S = 3.0
KEPT: frozenset[Family] = frozenset({"sig", "ord", "ven", "ctl"})


@dataclass(slots=True)
class Evidence:
    """A session, read back."""

    document: dict[str, Any]
    genesis: Session | None = None
    end: Session | None = None
    outputs: dict[str, list[bytes]] = field(default_factory=lambda: {each: [] for each in STAGES})
    """Digests of what the log holds of each stage, in order."""
    expected: dict[str, list[bytes]] = field(default_factory=lambda: {each: [] for each in STAGES})
    """The same, of what the chained stages make of the recorded market data."""
    business: list[tuple[int, Family, Message]] = field(default_factory=list)
    """Log sequence, family and message of sig, ord, ven and ctl, `done` included."""
    stop_mark: int | None = None
    """Start of the interval whose mark brought the command to stop, ns; None when the data ended."""
    bars: list[int] = field(default_factory=list)
    """Ends of the bars of the market data, ns."""
    stored: dict[int, str] = field(default_factory=dict)
    """Digest of every message that the log holds, by sequence."""
    unreadable: int = 0
    """Messages of those families that cannot be read."""
    kinds: Counter[str] = field(default_factory=Counter)
    """Messages taken, as `family.kind`."""

    def of(self, cls: type[Any]) -> list[Any]:
        """All messages of a type, in log order."""
        return [message for _, _, message in self.business if type(message) is cls]


async def read(log: Log, document: dict[str, Any]) -> Evidence:
    """Read a whole session."""
    evidence = Evidence(document)
    chain = Chain(Stages.of(document).by_name())
    last = await log.last_sequence()
    reader = await log.reader(FAMILIES)
    try:
        while True:
            while (delivered := reader.poll()) is not None:
                evidence.kinds[f"{delivered.family}.{delivered.kind}"] += 1
                producer = delivered.origin.producer if delivered.origin else ""
                if producer in STAGES:
                    evidence.outputs[producer].append(_digest(delivered.kind, delivered.data))
                if delivered.family == "md":
                    _market(evidence, chain, delivered.decode())
                elif delivered.family in KEPT:
                    _keep(evidence, delivered)
            if reader.sequence >= last or not await reader.wait(QUIET_S):
                break
    finally:
        await reader.stop()
    await _stored(log, evidence, last)
    return evidence


def _market(evidence: Evidence, chain: Chain, message: Message) -> None:
    for producer, made in chain.feed(message).items():
        family = PLACES[producer].family
        for each in made:
            entry = type_of(each, family)
            # Over the wire, as the stages' readers get it: what does not survive it must not differ.
            data = encode(decode(family, entry.kind, entry.major, encode(each)))
            evidence.expected[producer].append(_digest(entry.kind, data))
    if isinstance(message, Mark):
        stops = any(each.verb == "stop" for each in message.commands)
        if stops and evidence.stop_mark is None:
            evidence.stop_mark = message.start
    elif hasattr(message, "open"):
        evidence.bars += [int(each) for each in message.ts_event]


def _keep(evidence: Evidence, delivered: Delivered) -> None:
    try:
        message = delivered.decode()
    except UnreadableMessage:
        evidence.unreadable += 1
        return
    evidence.business.append((delivered.sequence, delivered.family, message))
    if isinstance(message, Session):
        if message.phase == "genesis":
            evidence.genesis = message
        else:
            evidence.end = message


async def _stored(log: Log, evidence: Evidence, last: int) -> None:
    """Everything that lies in the stream, taken by readers or not."""
    genesis = await log.genesis()
    consumer = await log.consumer([f"p{log.partition}.>"], lambda: None)
    await consumer.start(genesis, "")
    reader_at = genesis - 1
    while reader_at < last:
        raw = consumer.take()
        if raw is None:
            await asyncio.sleep(0.005)
            continue
        reader_at = raw[0]
        evidence.stored[reader_at] = digest_of(*raw[1:])
    await consumer.stop()


def working_at(evidence: Evidence) -> tuple[list[int], list[int]]:
    """Log sequences at which the number of working orders changed, and the number from there on."""
    sequences, counts = [0], [0]
    working: set[str] = set()
    for sequence, _, message in evidence.business:
        match message:
            case OrderApproved():
                working.add(message.order_id)
            case OrderChanged() if message.to_state.terminal:
                working.discard(message.order_id)
            case Fill() if message.quantity_left == 0:
                working.discard(message.order_id)
            case _:
                continue
        sequences.append(sequence)
        counts.append(len(working))
    return sequences, counts


def _digest(kind: str, data: bytes) -> bytes:
    return blake2b(kind.encode() + data, digest_size=8).digest()
