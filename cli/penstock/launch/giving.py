"""Giving a command to the running session: through its api, or, where that does not answer, through the log.

Through the api the audit says whose token it was and from which address. The log needs nothing but the bus:
it is the way while the api is away, or asks for a token that nobody has given (`PENSTOCK_TOKEN`).
"""

import asyncio
import getpass
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import httpx
from penstock_client import ApiError, Client, ClientError, Unreachable, calls
from penstock_client.calls import Call
from penstock_client.models import Done
from penstock_contracts.control import Command
from rich.console import Console

from penstock.errors import CannotRun, CommandError
from penstock.launch.paths import Running
from penstock.launch.reach import ask

ANSWER_TIMEOUT_S = 10.0
TOKEN = "PENSTOCK_TOKEN"  # noqa: S105  (a variable's name)
_TIMEOUT_S = 5.0
HALT_TIMEOUT_S = 3.0
"""A halt waits no longer for the api before it goes through the log as well."""
_AGAIN_S = 0.2
_UNAUTHORIZED, _CONFLICT, _UNAVAILABLE = 401, 409, 503


@dataclass(frozen=True, slots=True)
class Told:
    """What the session said to a command that it accepted."""

    reason: str
    state: str
    previous: str
    holds: tuple[str, ...] = ()
    order_id: str | None = None


class NotReached(Exception):
    """The api is not the way, and the command was not given: says why."""


class RefusedByRisk(CommandError):
    """The session itself has answered: no other way leads to another answer."""


def give(running: Running, command: Command, *, insist: bool = False) -> Told:
    """Give a command, and say which way it went on standard error.

    CommandError when it is refused or nothing is heard of it, CannotRun when neither way is open. `insist`: a
    halt, which goes through the log as well whenever the api lets it not pass or gives no answer.
    """
    told = by_api(running, command, insist=insist)
    return told if told is not None else _by_log(running, command)


def by_api(running: Running, command: Command, *, insist: bool = False) -> Told | None:
    """Give a command through the api; None, after a line that says so, when that is not the way."""
    if not running.api_url:
        _say("through the log: the session has no api yet")
        return None
    within_s = HALT_TIMEOUT_S if insist else ANSWER_TIMEOUT_S
    token, timeout_s = os.environ.get(TOKEN) or None, min(within_s, _TIMEOUT_S)
    try:
        with Client(running.api_url, token, timeout_s=timeout_s) as client:
            return _ask(client, command, within_s)
    except NotReached as error:
        why = str(error)
    except CommandError as error:
        if not insist or isinstance(error, RefusedByRisk):
            raise
        why = str(error)
    _say(f"through the log: {why}")
    return None


def _ask(client: Client, command: Command, within_s: float) -> Told:
    call = replace(_call(command), key=command.command_id)
    deadline, sent = time.monotonic() + within_s, False
    while time.monotonic() < deadline:
        # Asked again with the same key: carried out once, however often it is asked.
        try:
            done = client.send(call)
        except Unreachable as error:
            if not sent and isinstance(error.__cause__, httpx.ConnectError | httpx.ConnectTimeout):
                raise NotReached("the api does not answer") from error
            sent = True
            time.sleep(_AGAIN_S)
            continue
        except ApiError as error:
            if not sent:
                _judge(error)
            refused = RefusedByRisk if error.status == _CONFLICT else CommandError
            raise refused(f"{command.verb}: refused: {error.problem.get('detail', error)}") from error
        except ClientError as error:
            raise CannotRun(str(error)) from error
        sent = True
        if done.outcome != "pending":
            _say(f"through the api at {client.url}")
            return _told(done)
    raise _unheard(command, within_s)


def _judge(error: ApiError) -> None:
    """NotReached for an api that cannot say whether the command is wanted."""
    if error.status == _UNAUTHORIZED and not os.environ.get(TOKEN):
        raise NotReached(f"the api asks for a token, and {TOKEN} is not set") from error
    if error.status == _UNAVAILABLE:
        raise NotReached(f"the api is not ready: {error.problem.get('detail', '')}") from error


def _told(done: Done) -> Told:
    return Told(done.reason, done.state or "unknown", done.previous or "", done.holds, done.order_id)


def _by_log(running: Running, command: Command) -> Told:
    given = replace(command, origin=f"log {_user()}")
    answer = asyncio.run(ask(running, given, ANSWER_TIMEOUT_S))
    if answer is None:
        raise _unheard(command, ANSWER_TIMEOUT_S)
    if not answer.accepted:
        raise CommandError(f"{command.verb}: refused: {answer.reason}")
    return Told(answer.reason, answer.state.value, answer.previous.value, answer.holds, answer.order_id)


def _unheard(command: Command, within_s: float) -> CommandError:
    return CommandError(
        f"{command.verb} was given, but the session did not follow within {within_s:.0f} s",
        hint="see `penstock status`",
    )


def _user() -> str:
    """Who runs this, as the system knows them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _say(text: str) -> None:
    Console(stderr=True, highlight=False, soft_wrap=True).print(text, style="dim", markup=False)


def _call(command: Command) -> Call[Done]:
    return _CALLS[command.verb](command)


def _part(command: Command) -> calls.Part:
    return calls.Part(command.venue, command.instrument, command.underlying, command.strategy)


def _flatten(command: Command) -> Call[Done]:
    return calls.flatten(_part(command), command.reason, override=command.override)


def _cancel(command: Command) -> Call[Done]:
    if command.order_id is not None:
        return calls.cancel_order(command.order_id, command.reason)
    return calls.cancel(_part(command), command.reason)


def _place(command: Command) -> Call[Done]:
    order = command.order
    assert order is not None
    assert command.instrument is not None
    return calls.place(
        command.instrument,
        order.side.value,
        order.quantity,
        order.type.value,
        limit_price=order.limit_price,
        stop_price=order.stop_price,
        trail=order.trail,
        time_in_force=order.time_in_force.value,
        post_only=order.post_only,
        reduce_only=order.reduce_only,
        reason=command.reason,
    )


def _modify(command: Command) -> Call[Done]:
    order = command.order
    assert order is not None
    return calls.modify(
        command.order_id or "",
        side=order.side.value,
        quantity=order.quantity,
        limit_price=order.limit_price,
        stop_price=order.stop_price,
        trail=order.trail,
        reason=command.reason,
    )


def _switch_off(command: Command) -> Call[Done]:
    assert command.strategy is not None
    close = command.arguments.get("positions") == "close"
    return calls.switch_off(command.strategy, command.reason, close=close)


def _switch_mode(command: Command) -> Call[Done]:
    assert command.strategy is not None
    return calls.switch_mode(command.strategy, command.arguments["mode"], command.reason)


_CALLS: dict[str, Callable[[Command], Call[Done]]] = {
    "halt": lambda each: calls.halt(each.reason, part=_part(each)),
    "reduce": lambda each: calls.reduce(each.reason, part=_part(each)),
    "resume": lambda each: calls.resume(each.reason, part=_part(each)),
    "flatten": _flatten,
    "close": lambda each: calls.close_positions(_part(each), each.reason),
    "cancel": _cancel,
    "place": _place,
    "modify": _modify,
    "limits": lambda each: calls.change_limits(each.arguments, each.reason),
    "strategy_on": lambda each: calls.switch_on(each.strategy or "", each.reason),
    "strategy_off": _switch_off,
    "strategy_mode": _switch_mode,
}
"""What the api is asked for a verb."""
