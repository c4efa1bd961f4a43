"""The streams of a partition: what each holds, how long, and how much of the store it may take.

========================  =====================================================  ==========================
stream                    holds                                                  when it is full
========================  =====================================================  ==========================
``FLOW-<p>``              everything that the services exchange, in one order    the oldest go
``BOOKS-<p>``             its ``ord``, ``ven`` and ``ctl``, in the same order    the oldest go
``SUBMISSIONS``           one message per submission to a live venue             no more is taken: no order
``DLQ``                   unreadable ``md``, ``feat``, ``sig``, with the reason  the oldest go
``SNAPSHOTS-<p>``         the last snapshots of the services (object store)      no more is taken
========================  =====================================================  ==========================
"""

from nats.js import JetStreamContext
from nats.js.api import (
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
    StreamSource,
    SubjectTransform,
)
from nats.js.errors import NotFoundError
from penstock_contracts import codec, subjects
from penstock_contracts.base import Family
from pydantic import BaseModel, ConfigDict, Field

from penstock_runtime.errors import BadConfiguration

DEAD_LETTERS = "DLQ"
BOOKS_FAMILIES: tuple[Family, ...] = ("ord", "ven", "ctl")
STORE_SHARE_MAX = 0.8
"""Of the store, for all streams together: the rest is for consumers, indexes and what is being removed."""
SNAPSHOTS_BYTES = 1 << 30
ROOM_BYTES = 64 << 20
"""Beyond what the log is to keep: for what comes before the archiver has moved away what is too much."""
_DAY_S = 86_400.0
_MEBIBYTE = 1 << 20
_LEAST_BYTES = 2 * _MEBIBYTE
_LEAST_BYTES_INSTRUMENT = _MEBIBYTE // 2
"""What may be on its way before anybody looks how full the log is, 128 intervals of some kilobytes and more
with each instrument, is then less than half of the log."""


class StreamLimits(BaseModel):
    """How much of a partition's log is kept. Streams that exist keep the limits that they were made with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bytes_max: int = Field(
        default=6144 * _MEBIBYTE,
        ge=_MEBIBYTE,
        description="Of the log, bytes; at least 2 MiB, and half a MiB for each instrument.",
    )
    age_max_s: float = Field(
        default=14 * _DAY_S,
        ge=1.0,
        description="Of the log, s: what is older leaves it once it is in the database's archive.",
    )
    books_bytes_max: int = Field(
        default=2048 * _MEBIBYTE, ge=_MEBIBYTE, description="Of orders, fills and commands, bytes."
    )
    books_age_max_s: float = Field(
        default=30 * _DAY_S, ge=1.0, description="Of orders, fills and commands, s."
    )
    submissions_bytes_max: int = Field(
        default=128 * _MEBIBYTE,
        ge=_MEBIBYTE,
        description="Of submissions to live venues, bytes; when they are full no order is sent any more.",
    )
    submissions_age_max_s: float = Field(
        default=90 * _DAY_S,
        ge=_DAY_S,
        description="Of a submission to a live venue, s: longer than an order can matter.",
    )
    dead_letters_bytes_max: int = Field(
        default=256 * _MEBIBYTE, ge=_MEBIBYTE, description="Of messages that could not be read, bytes."
    )

    @property
    def bytes_total(self) -> int:
        """What all streams may take together, snapshots included."""
        return (
            self.bytes_max
            + ROOM_BYTES
            + self.books_bytes_max
            + self.submissions_bytes_max
            + self.dead_letters_bytes_max
            + SNAPSHOTS_BYTES
        )

    def hold(self, instruments: int) -> None:
        """Make sure that the log holds what is on its way in a session of so many instruments.

        BadConfiguration if it does not: who falls behind a moment would find what must be read next gone.
        """
        least = _LEAST_BYTES + instruments * _LEAST_BYTES_INSTRUMENT
        if self.bytes_max < least:
            raise BadConfiguration(
                f"log.bytes_max: {self.bytes_max} bytes do not hold what is on its way between the services; "
                f"with {instruments} instrument{'' if instruments == 1 else 's'} it needs at least {least}"
            )

    def fit(self, store_bytes: int) -> None:
        """Make sure that the streams leave room in a store of this size. BadConfiguration if they do not."""
        allowed = int(store_bytes * STORE_SHARE_MAX)
        if self.bytes_total > allowed:
            raise BadConfiguration(
                f"log: the streams may take {self.bytes_total:,} bytes together, but only {allowed:,} of the "
                f"store's {store_bytes:,} are for them ({STORE_SHARE_MAX:.0%}): lower log.bytes_max or "
                "log.books_bytes_max"
            )


async def declare(js: JetStreamContext, partition: int, limits: StreamLimits) -> None:
    """Create the partition's streams where they are absent. Never changes one that is there."""
    for config in configurations(partition, limits):
        assert config.name is not None
        try:
            await js.stream_info(config.name)
        except NotFoundError:
            await js.add_stream(config)


def configurations(partition: int, limits: StreamLimits) -> tuple[StreamConfig, ...]:
    """The streams, each after the one that it takes from."""
    return (
        StreamConfig(
            name=DEAD_LETTERS,
            subjects=["dlq.>"],
            max_age=30 * _DAY_S,
            max_bytes=limits.dead_letters_bytes_max,
        ),
        _flow(partition, limits),
        _books(partition, limits),
        StreamConfig(
            name=subjects.SUBMISSIONS,
            subjects=["submissions.>"],
            storage=StorageType.FILE,
            max_msgs_per_subject=1,
            # A second submission under one client order id is refused, and one without room as well.
            discard=DiscardPolicy.NEW,
            discard_new_per_subject=True,
            max_bytes=limits.submissions_bytes_max,
            max_age=limits.submissions_age_max_s,
            duplicate_window=0.1,
            deny_delete=True,
            deny_purge=True,
            allow_direct=True,
        ),
    )


def _flow(partition: int, limits: StreamLimits) -> StreamConfig:
    return StreamConfig(
        name=subjects.stream_name(partition),
        subjects=subjects.stream_subjects(partition),
        storage=StorageType.FILE,
        retention=RetentionPolicy.LIMITS,
        # No age, and more room than the log is to keep: what nobody has archived must not be lost. The
        # archiver removes what is old or too much; only want of space beyond that may remove what is not
        # archived, and a replay waits, trading halts, long before.
        discard=DiscardPolicy.OLD,
        max_bytes=limits.bytes_max + ROOM_BYTES,
        max_msg_size=2 * codec.MESSAGE_BYTES_MAX,
        duplicate_window=0.1,
        allow_direct=True,
    )


def _books(partition: int, limits: StreamLimits) -> StreamConfig:
    # One source with a transform for each family: several sources with a filter each lose the order.
    families = [f"p{partition}.{family}.>" for family in BOOKS_FAMILIES]
    return StreamConfig(
        name=subjects.books_name(partition),
        sources=[
            StreamSource(
                name=subjects.stream_name(partition),
                subject_transforms=[SubjectTransform(src=each, dest=each) for each in families],
            )
        ],
        storage=StorageType.FILE,
        discard=DiscardPolicy.OLD,
        max_bytes=limits.books_bytes_max,
        max_age=limits.books_age_max_s,
        duplicate_window=0.1,
        deny_delete=True,
        deny_purge=True,
        allow_direct=True,
    )
