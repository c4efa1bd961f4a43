"""When the log took messages: wall times, for explanations."""

from collections.abc import Sequence

from nats.js.errors import NotFoundError
from penstock_contracts.headers import RECEIVED

from penstock_runtime.log.connection import Log


async def stored_at(log: Log, sequences: Sequence[int]) -> tuple[dict[int, int], int | None]:
    """Wall times, ns, at which the log took messages, and when ingest published what began their chain.

    Messages that have left the log are left out.
    """
    times: dict[int, int] = {}
    received: int | None = None
    for sequence in sequences:
        try:
            found = await log.js.get_msg(log.stream, seq=sequence)
        except NotFoundError:
            continue
        if found.time is not None:
            times[sequence] = int(found.time.timestamp() * 1_000_000) * 1000
        began = (found.headers or {}).get(RECEIVED, "")
        if received is None and began.isdigit():
            received = int(began)
    return times, received
