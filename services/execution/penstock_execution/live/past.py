"""How live execution takes over: claim, fold what earlier writers told, ask the venue about what is open."""

from collections.abc import Callable
from dataclasses import dataclass

from penstock_contracts.base import Message
from penstock_contracts.errors import UnreadableMessage
from penstock_contracts.interval import Done
from penstock_contracts.orders import CancelRequested, OrderApproved, TradingStateChanged
from penstock_contracts.types import OrderState
from penstock_contracts.venue import Fill, OrderAccepted, OrderChanged, OrderSubmitted
from penstock_runtime import edge
from penstock_runtime.errors import Halt, UnreadableHalt
from penstock_runtime.log import Delivered, Log, LogReader
from penstock_runtime.submissions import Submission

from penstock_execution.live.desk import LiveDesk

NAME = "execution"
ORDER_KINDS = frozenset({"approved", "cancel", "state"})
_TOLD = OrderSubmitted | OrderAccepted | OrderChanged | Fill
Heard = OrderApproved | CancelRequested | TradingStateChanged


@dataclass(slots=True)
class Past:
    """What the log told before this writer's claim."""

    epoch: int
    told: list[Delivered]
    """Of the venue, by earlier writers."""
    orders: list[tuple[Heard, Delivered]]
    """By risk."""


async def take_over(log: Log, own: LogReader, orders: LogReader) -> Past:
    """Claim the venue's family and read everything up to there. Superseded when others claim first."""
    told: list[Delivered] = []

    def fold() -> None:
        while (delivered := own.poll()) is not None:
            told.append(delivered)

    await edge.to_the_tail(own, fold)
    epoch = await edge.claim(log, own, NAME, fold)
    heard: list[tuple[Heard, Delivered]] = []
    # What the venue was told to do lies in the log before what it did.
    await edge.to_the_tail(orders, lambda: heard.extend(hear(orders, lambda _: None)))
    return Past(epoch, told, heard)


def hear(orders: LogReader, spoke: Callable[[Delivered], None]) -> list[tuple[Heard, Delivered]]:
    """What risk says that concerns execution; all that it says is a sign of life."""
    found: list[tuple[Heard, Delivered]] = []
    while (delivered := orders.poll()) is not None:
        spoke(delivered)
        if delivered.kind in ORDER_KINDS:
            found.append((decoded(delivered), delivered))
    return found


def decoded(delivered: Delivered) -> Message:
    """The message. UnreadableHalt when it cannot be read: nothing may be missing of its family."""
    try:
        return delivered.decode()
    except UnreadableMessage as error:
        raise UnreadableHalt(f"{delivered.subject} at {delivered.sequence}: {error}") from error


def last_mark(past: Past) -> int:
    """The last interval that an earlier writer ended; 0 if none did."""
    for delivered in reversed(past.told):
        if delivered.kind == "done":
            done: Done = decoded(delivered)
            return done.ts
    return 0


def fold_past(desk: LiveDesk, past: Past) -> None:
    """Bring the desk to where the earlier writers were."""
    approvals = {each.order_id: each for each, _ in past.orders if isinstance(each, OrderApproved)}
    for delivered in past.told:
        message = decoded(delivered)
        if not isinstance(message, _TOLD):
            continue
        approval = approvals.get(message.order_id)
        if approval is None:
            raise Halt(f"{delivered.subject} at {delivered.sequence}: risk approved no {message.order_id}")
        desk.fold(message, approval)


def adopt(desk: LiveDesk, submissions: dict[str, Submission]) -> None:
    """Say what became of orders in between: those never submitted never left, the others may have."""
    for key, submission in submissions.items():
        order = desk.orders.get(key)
        if order is None:
            order = desk.submit(submission.approval)
        if order.state is OrderState.IN_FLIGHT:
            desk.unanswered(order)
    for key, order in list(desk.working.items()):
        if key not in submissions:
            desk.not_sent(order, "the process ended before it was sent")
