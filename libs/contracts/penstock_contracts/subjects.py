"""Subjects of the log. Built and parsed here and nowhere else.

``p<partition>.<family>.v<major>.<kind>.<venue>.<instrument>``; ``_`` stands where a message has no
venue or no instrument.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from penstock_contracts.base import FAMILIES, Family, Message

NONE = "_"
_TOKEN = re.compile(r"[a-z0-9_-]+")
_SUBMISSION_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,80}")
_NUMBER = r"(0|[1-9][0-9]{0,5})"
_SUBJECT = re.compile(rf"p{_NUMBER}\.([a-z]+)\.v{_NUMBER}\.([a-z0-9_-]+)\.([a-z0-9_-]+)\.([a-z0-9_-]+)")


class Subject(NamedTuple):
    """The parts of a subject."""

    partition: int
    family: Family
    major: int
    kind: str
    venue: str
    instrument: str


def slug(symbol: str) -> str:
    """A symbol as a subject token: lower case, runs of anything else become one dash. ValueError if empty."""
    token = re.sub(r"[^a-z0-9_]+", "-", symbol.lower()).strip("-")
    if token in {"", NONE} or len(token) > 64:
        raise ValueError(f"no subject token can be made of {symbol!r}")
    return token


def instrument_key(symbol: str, venue: str) -> str:
    """`<symbol>.<venue>` from names as a venue writes them. ValueError if it would be no instrument key."""
    place = slug(venue)
    if len(place) > 32:
        raise ValueError(f"the venue {venue!r} has more than 32 characters")
    return f"{slug(symbol)}.{place}"


@lru_cache(maxsize=16_384)
def subject(partition: int, family: Family, major: int, kind: str, key: str | None = None) -> str:
    """The subject of a message about the instrument `key`, or about none. ValueError for a bad token."""
    symbol, _, venue = key.partition(".") if key else (NONE, "", NONE)
    for token in (kind, venue, symbol):
        if not _TOKEN.fullmatch(token):
            raise ValueError(f"not a subject token: {token!r}")
    return f"p{partition}.{family}.v{major}.{kind}.{venue}.{symbol}"


def claim_subject(partition: int, producer: str) -> str:
    """Where a producer's claims go: the last token names the producer."""
    return subject(partition, "ctl", 1, "claim", f"{slug(producer)}.{NONE}")


def parse(text: str) -> Subject | None:
    """The parts of a subject, or None when it is not one of the log's."""
    match = _SUBJECT.fullmatch(text)
    if match is None or match[2] not in FAMILIES:
        return None
    return Subject(int(match[1]), match[2], int(match[3]), match[4], match[5], match[6])


def stream_name(partition: int) -> str:
    """The stream that holds a partition."""
    return f"FLOW-{partition}"


def books_name(partition: int) -> str:
    """The stream that keeps what a partition decided and did: its `ord`, `ven` and `ctl`, in log order."""
    return f"BOOKS-{partition}"


SUBMISSIONS = "SUBMISSIONS"
"""The stream of what was sent to live venues."""


def submission_subject(partition: int, venue: str, client_order_id: str) -> str:
    """Where the submission of one order to a live venue is kept, once. ValueError for a bad token."""
    for token in (venue, client_order_id):
        if not _SUBMISSION_TOKEN.fullmatch(token):
            raise ValueError(f"not a subject token: {token!r}")
    return f"submissions.p{partition}.{venue}.{client_order_id}"


def stream_subjects(partition: int) -> list[str]:
    """What the partition's stream captures."""
    return [f"p{partition}.{family}.>" for family in FAMILIES]


def family_filters(partition: int, family: Family, producer: str | None) -> list[str]:
    """What a reader of one family consumes: the family in every version, and what moves its epochs."""
    session = f"p{partition}.ctl.*.session.>"
    if family == "ctl":
        return [f"p{partition}.ctl.>"]
    filters = [f"p{partition}.{family}.>", session]
    if producer is not None:
        filters.append(f"p{partition}.ctl.*.claim.*.{slug(producer)}")
    return filters


def key_of(message: Message) -> str | None:
    """The instrument that a message is about, if it is about one."""
    key = getattr(message, "instrument", None)
    if key is None or isinstance(key, str):
        return key
    return str(key.instrument)
