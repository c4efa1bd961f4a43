"""The archiver: what will leave the log before long goes to the archive first, byte for byte.

What is too old or too much leaves the log only after that, and by the archiver itself: a session may rest
for long, and be fast. It begins when a quarter of what the log keeps has passed (by bytes or by age), so that
an ordinary session never pays for it. When it falls behind, ingest holds a replay back, or halts at 1x.
"""

import asyncio

import structlog
from nats.errors import Error as NatsError
from nats.js.errors import APIError

from penstock_runtime.errors import LogAgedOut, Unavailable
from penstock_runtime.log import Log
from penstock_runtime.log.connection import session_subject
from penstock_runtime.log.consumer import OrderedConsumer, identity
from penstock_runtime.log.past import Raw
from penstock_runtime.log.retention import Kept, age_of
from penstock_runtime.store.archive import Archive
from penstock_runtime.store.pool import is_lost

_log = structlog.get_logger(__name__)

LOOK_S = 1.0
BUSY_S = 0.05
SHARE_BEGIN = 0.25
SHARE_PRESSING = 0.375
"""From here on also a short run is written."""
RUN_MESSAGES_MIN = 5_000
RUN_BYTES_MAX = 4 << 20
SHARE_GROWN = 0.03
"""When the log has grown by more since the last look, the next follows at once."""
_WAIT_S = 5.0


class Archiver:
    """Keeps the archive of one partition's log ahead of what the log discards."""

    def __init__(self, log: Log, archive: Archive, age_max_s: float) -> None:
        self._log = log
        self._age_max_s = age_max_s
        self._archive = archive
        self._genesis_subject = session_subject(log.partition, "genesis")
        self.place = 0
        """Everything up to here is archived, or left the log unarchived (`error` says so)."""
        self.error = ""
        """What is missing for ever."""
        self._last_seen = 0

    async def run(self) -> None:
        """Look every second, sooner while there is something to do, until cancelled."""
        while True:
            busy = False
            try:
                busy = await self.look()
            except (NatsError, APIError, TimeoutError, Unavailable, LogAgedOut) as error:
                _log.warning("archive_waits", error=str(error) or type(error).__name__)
            except Exception as error:
                if not is_lost(error):
                    raise
                _log.warning("archive_waits", error=str(error) or type(error).__name__)
            await asyncio.sleep(BUSY_S if busy else LOOK_S)

    async def look(self) -> bool:
        """Archive what is due, remove what is too much; False when there is time until the next look."""
        info = await self._log.js.stream_info(self._log.stream)
        kept, stream = Kept.of(info, self._age_max_s), identity(info)
        last = await self._archive.last(stream) or 0
        self.place = max(last, kept.first - 1)
        if last < kept.first - 1 and not self.error:
            self.error = f"{last + 1} to {kept.first - 1} left the log before they were archived"
            _log.error("archive_hole", stream=stream, first=last + 1, last=kept.first - 1)
        grown = kept.share_of_bytes(self._last_seen) > SHARE_GROWN
        due = await self._is_due(kept, begun=last > 0)
        if due:
            await self.archive(stream, kept.last)
        await self._discard(kept)
        return due or grown

    async def _is_due(self, kept: Kept, *, begun: bool) -> bool:
        still, self._last_seen = kept.last == self._last_seen, kept.last
        waiting = kept.last - self.place
        if begun and still and waiting > 0:
            # The log stands still, perhaps because ingest waits for us: it knows better how much of the log
            # lies after our place, as it counts intervals.
            return True
        age_s = await age_of(self._log, self.place + 1)
        share = SHARE_BEGIN if waiting >= RUN_MESSAGES_MIN else SHARE_PRESSING
        return kept.due(self.place, age_s, share) > self.place

    async def _discard(self, kept: Kept) -> None:
        """Remove from the log what is archived and too old or too much."""
        before = kept.first - 1
        until = min(self.place, kept.due(before, await age_of(self._log, kept.first), 1.0))
        if until > before:
            await self._log.js.purge_stream(self._log.stream, seq=until + 1)

    async def archive(self, stream: str, until: int) -> None:
        """Archive what follows up to a log sequence."""
        wake = asyncio.Event()
        every = [f"p{self._log.partition}.>"]
        consumer = OrderedConsumer(self._log.client, self._log.js, self._log.stream, every, wake.set)
        await consumer.start(self.place + 1, "")
        try:
            while self.place < until:
                messages = await self._run(consumer, wake, until)
                geneses = [each[0] for each in messages if each[1] == self._genesis_subject]
                await self._archive.add(stream, messages, geneses[-1] if geneses else None)
                self.place = messages[-1][0]
        finally:
            await consumer.stop()
        _log.info("archived", stream=stream, sequence=self.place)

    @staticmethod
    async def _run(consumer: OrderedConsumer, wake: asyncio.Event, until: int) -> list[Raw]:
        messages: list[Raw] = []
        size = 0
        while size < RUN_BYTES_MAX:
            raw = consumer.take()
            if raw is None:
                wake.clear()
                async with asyncio.timeout(_WAIT_S):
                    await wake.wait()
                continue
            messages.append(raw)
            size += len(raw[2]) + len(raw[3])
            if raw[0] >= until:
                break
        return messages
