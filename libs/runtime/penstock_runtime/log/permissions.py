"""What each service may do at the log's server: the rule of one door, kept by the server itself.

======================  ================================================================================
who                     may publish, beside its health and what reading takes
======================  ================================================================================
``ingest``              ``md``; commands (of the kill file), which expired, its claims, the session's end
``features``            ``feat``
``strategy``            ``sig``
``risk``                ``ord``
``execution``           ``ven``; at a live venue its claims, submissions, and halts of the egress guard
``recorder``            its progress; it removes from the log what is archived
``api``                 commands, and who was refused one
``operator``            everything of ``ctl``; it declares the streams
======================  ================================================================================

Stages save snapshots under their own name only. Nobody may publish to an inbox: whoever can, can forge what
another service reads.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass

from penstock_contracts import subjects
from penstock_contracts.base import Family
from penstock_kernel.topology import PLACES, STAGES

from penstock_runtime.health import health_subject, progress_subject
from penstock_runtime.log.streams import DEAD_LETTERS

OPERATOR = "operator"
SERVICES = ("ingest", *STAGES, "recorder", "api")
USERS = (OPERATOR, *SERVICES)
COPIES = ("", "-standby")
"""A second copy of a stage uses the credentials of the first."""


@dataclass(frozen=True, slots=True)
class Permissions:
    """Subjects, with NATS wildcards."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]


def permissions(user: str, partition: int) -> Permissions:
    """What a user may do on one partition. KeyError for an unknown one."""
    subscribe = ("_INBOX.>", f"p{partition}.>", health_subject(partition, "*"), progress_subject(partition))
    if user == OPERATOR:
        everything = (f"p{partition}.ctl.>", "$JS.API.>", "$JS.FC.>", "$O.>", "dlq.>")
        return Permissions((*everything, health_subject(partition, "launcher")), subscribe)
    publish = [*_reading(partition, user), *_OF_THEIR_OWN[user](partition)]
    if user in STAGES:
        publish += [f"dlq.p{partition}.{family}" for family in ("md", "feat", "sig")]
    publish += [health_subject(partition, user + copy) for copy in COPIES]
    return Permissions(tuple(publish), subscribe)


def _reading(partition: int, user: str) -> list[str]:
    streams = [subjects.stream_name(partition), subjects.books_name(partition), DEAD_LETTERS]
    bucket = f"SNAPSHOTS-{partition}"
    subjects_: list[str] = []
    if user in STAGES:
        names = [base64.urlsafe_b64encode(f"{user}{copy}".encode()).decode() for copy in COPIES]
        subjects_ += [f"$O.{bucket}.C.*", *(f"$O.{bucket}.M.{name}" for name in names)]
        subjects_ += [f"$JS.API.STREAM.PURGE.OBJ_{bucket}", "$JS.API.STREAM.NAMES"]
        streams.append(f"OBJ_{bucket}")
    if user == "execution":
        streams.append(subjects.SUBMISSIONS)
    for stream in streams:
        subjects_ += [
            f"$JS.API.STREAM.INFO.{stream}",
            f"$JS.API.STREAM.MSG.GET.{stream}",
            f"$JS.API.DIRECT.GET.{stream}",
            f"$JS.API.DIRECT.GET.{stream}.>",
            f"$JS.API.CONSUMER.CREATE.{stream}",
            f"$JS.API.CONSUMER.CREATE.{stream}.>",
            f"$JS.API.CONSUMER.INFO.{stream}.*",
            f"$JS.API.CONSUMER.DELETE.{stream}.*",
            f"$JS.FC.{stream}.>",
        ]
    return subjects_


def _family(family: Family, partition: int) -> list[str]:
    return [f"p{partition}.{family}.>"]


def _command(partition: int) -> str:
    return subjects.subject(partition, "ctl", 1, "command")


def _audited(partition: int) -> str:
    return subjects.subject(partition, "ctl", 1, "audit")


def _ingest(partition: int) -> list[str]:
    end = subjects.subject(partition, "ctl", 1, "session", f"end.{subjects.NONE}")
    claim = subjects.claim_subject(partition, "ingest")
    return [*_family("md", partition), _command(partition), _audited(partition), claim, end]


def _execution(partition: int) -> list[str]:
    claim = subjects.claim_subject(partition, "execution")
    return [*_family("ven", partition), _command(partition), claim, f"submissions.p{partition}.>"]


def _recorder(partition: int) -> list[str]:
    return [progress_subject(partition), f"$JS.API.STREAM.PURGE.{subjects.stream_name(partition)}"]


_OF_THEIR_OWN: dict[str, Callable[[int], list[str]]] = {
    "ingest": _ingest,
    "features": lambda partition: _family(PLACES["features"].family, partition),
    "strategy": lambda partition: _family(PLACES["strategy"].family, partition),
    "risk": lambda partition: _family(PLACES["risk"].family, partition),
    "execution": _execution,
    "recorder": _recorder,
    "api": lambda partition: [_command(partition), _audited(partition)],
}
