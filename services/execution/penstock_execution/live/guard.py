"""The egress guard of a live venue: the last code before the socket. It can only block, and cancel.

It knows the wall clock, which its caller reads. Its ceilings are its own: they hold also when risk is wrong.

- A halt holds from when it is read, and until risk has answered a command *after* it with another state than
  HALTED. Places of commands are log sequences, so it does not matter in which order guard and risk are heard.
- A sign of life is a message whose chain began a moment ago: a backlog that arrives late is none.
"""

from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal

from penstock_contracts.control import Command
from penstock_contracts.instrument import Instrument
from penstock_contracts.orders import OrderApproved, TradingStateChanged
from penstock_contracts.types import TradingState

from penstock_execution.config import GuardConfig, LiveConfig
from penstock_execution.guard import breaks_ceiling, halts_all

_NS = 1_000_000_000


@dataclass(slots=True)
class Signs:
    """When somebody was last heard of, by a monotonic clock, s."""

    began: float
    heard: float | None = None

    def hear(self, received_ns: int, wall_ns: int, monotonic_s: float, silence_s: float) -> None:
        """A message came whose chain began at `received_ns`, wall time."""
        if received_ns and wall_ns - received_ns <= silence_s * _NS:
            self.heard = monotonic_s

    def silent(self, monotonic_s: float, silence_s: float) -> bool:
        """Whether it has been too long."""
        return monotonic_s - (self.began if self.heard is None else self.heard) > silence_s


@dataclass(slots=True)
class Halts:
    """Which halts hold, by the log sequence of the commands."""

    last: int = 0
    """Of the last halt of everything."""
    released: int = 0
    """Of the last command that risk answered in another state than HALTED."""
    commands: dict[str, int] = field(default_factory=dict)
    """Sequence of each command's first copy."""
    answered: set[str] = field(default_factory=set)
    """Answered by risk in such a state, before they were read here."""
    risk_halted: bool = False
    own: set[str] = field(default_factory=set)
    """Halts that the guard has called for, not read back yet."""

    @property
    def hold(self) -> bool:
        """Whether a halt holds."""
        return self.risk_halted or bool(self.own) or self.last > self.released

    def command(self, sequence: int, command: Command) -> None:
        """A command was read."""
        key = command.command_id
        if self.commands.setdefault(key, sequence) != sequence:
            return
        if halts_all(command):
            self.last = max(self.last, sequence)
            self.own.discard(key)
        if key in self.answered:
            self.released = max(self.released, sequence)

    def answer(self, change: TradingStateChanged) -> None:
        """Risk said what its state is, and which command it answers."""
        self.risk_halted = change.state is TradingState.HALTED
        if self.risk_halted or change.command_id is None:
            return
        self.answered.add(change.command_id)
        self.released = max(self.released, self.commands.get(change.command_id, 0))


class EgressGuard:
    """Names the first rule that keeps an order from leaving."""

    def __init__(
        self, config: GuardConfig, live: LiveConfig, instruments: tuple[Instrument, ...], began: float
    ) -> None:
        self._config, self._live = config, live
        self._instruments = {each.instrument: each for each in instruments}
        self._prices: dict[str, Decimal] = {}
        self._sent: deque[float] = deque()
        self.marks, self.risk = Signs(began), Signs(began)
        self.halts = Halts()
        self.kill_file = False
        self.connected = False
        """The venue's stream of events is open."""
        self.reconciled = False
        """What we know agrees with what the venue says."""

    # --- What it hears -------------------------------------------------------------------------------

    def mark(self, received_ns: int, wall_ns: int, monotonic_s: float) -> None:
        """A mark came."""
        self.marks.hear(received_ns, wall_ns, monotonic_s, self._live.silence_s_max)

    def risk_spoke(self, received_ns: int, wall_ns: int, monotonic_s: float) -> None:
        """Risk put something out."""
        self.risk.hear(received_ns, wall_ns, monotonic_s, self._live.silence_s_max)

    def define(self, instrument: Instrument) -> None:
        """An instrument's definition."""
        self._instruments[instrument.instrument] = instrument

    def price(self, instrument: str, price: Decimal) -> None:
        """An instrument's last price."""
        self._prices[instrument] = price

    def last_price(self, instrument: str) -> Decimal | None:
        """The last price, None before the first."""
        return self._prices.get(instrument)

    # --- What it says --------------------------------------------------------------------------------

    def must_cancel(self, monotonic_s: float) -> str:
        """Why nothing may work at the venue now; empty when it may."""
        silence = self._live.silence_s_max
        if self.kill_file:
            return "kill_file"
        if self.halts.hold:
            return "halted"
        if self.marks.silent(monotonic_s, silence):
            return "no_marks"
        if self.risk.silent(monotonic_s, silence):
            return "no_risk"
        return ""

    def closed(self, monotonic_s: float) -> str:
        """Why nothing may leave now; empty when it may."""
        if reason := self.must_cancel(monotonic_s):
            return reason
        if self.marks.heard is None:
            return "no_marks"
        if self.risk.heard is None:
            return "no_risk"
        if not self.connected:
            return "disconnected"
        return "" if self.reconciled else "unreconciled"

    def expires(self, received_ns: int) -> int:
        """Wall time, ns, until which an approval may be sent; `received_ns` is when its chain began."""
        return received_ns + int(self._live.approval_age_s_max * _NS) if received_ns else 0

    def blocks(self, order: OrderApproved, received_ns: int, wall_ns: int, monotonic_s: float) -> str:
        """The rule that blocks an order, or nothing; an order that passes counts as sent."""
        rule = self.closed(monotonic_s) or self._breaks(order, received_ns, wall_ns, monotonic_s)
        if not rule:
            self._sent.append(monotonic_s)
        return rule

    def last_look(self, expires_ns: int, wall_ns: int, monotonic_s: float) -> str:
        """What is checked last, right before the socket."""
        return self.closed(monotonic_s) or ("expired" if wall_ns > expires_ns else "")

    def _breaks(self, order: OrderApproved, received_ns: int, wall_ns: int, monotonic_s: float) -> str:
        expires = self.expires(received_ns)
        age_max = int(self._live.approval_age_s_max * _NS)
        if wall_ns > expires or received_ns > wall_ns + age_max:
            return "approval_age"
        if order.algo or order.parent_id or order.group_id or order.replaces:
            return "unsupported"
        instrument, last = self._instruments.get(order.instrument), self._prices.get(order.instrument)
        if instrument is None:
            return "instrument"
        if last is None:
            return "no_price"
        while self._sent and self._sent[0] <= monotonic_s - 1.0:
            self._sent.popleft()
        if len(self._sent) >= self._config.orders_per_second_max:
            return "order_rate"
        return breaks_ceiling(self._config, order, instrument, last)
