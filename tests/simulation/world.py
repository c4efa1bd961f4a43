"""A seeded session: which process does what next, what is lost, who crashes, and where it goes on."""

import random
from collections import Counter, deque
from collections.abc import Callable, Iterable

from penstock_contracts import subjects
from penstock_contracts.base import Message, type_of
from penstock_contracts.codec import encode
from penstock_contracts.control import Command, Session, Verb
from penstock_contracts.headers import Origin, numbered
from penstock_contracts.interval import Done
from penstock_contracts.market import Mark
from penstock_kernel.topology import PLACES, STAGES

from simulation.processes import IngestProcess, Process, ScheduledLog, StageProcess, to_end
from simulation.scenarios import SCENARIOS, SESSION
from simulation.server import Client, Sent, Server
from simulation.strikes import strike

ROUNDS_MAX = 450
"""Turns of every loop, 0.1 s each, within which all must settle: longer than a hole may stay."""
IDLE_MAX = 20
"""Steps in which nothing happens, before time passes faster: everybody waits for a restart or a timer."""
REAL_EVERY = 10
"""Every tenth seed runs the real stages."""


class Violation(Exception):
    """What must never happen, has."""


class World:
    """Everything of one session. Of one seed it is always the same."""

    def __init__(
        self, seed: int, scenario: str | None = None, speak: Callable[[str], None] | None = None
    ) -> None:
        name = scenario or ("real" if seed % REAL_EVERY == 0 else "toy")
        self.rng = rng = random.Random(f"{name} {seed}")
        self.now = 0.0
        self.faults: Counter[str] = Counter()
        self.made: list[tuple[str, int, Message]] = []
        self.server = Server()
        self.scenario = SCENARIOS[name](rng)
        self._speak = speak
        self.budget = rng.choice((0, 5, 20, 60))
        """Faults still to come."""
        self._rate = rng.choice((0.02, 0.05, 0.1))
        """Of a fault in a step, when something was stored since the last."""
        self._wire_loss = rng.choice((0.0, 0.0, 0.03, 0.15))
        self._share_stored = rng.choice((0.05, 0.10, 0.30))
        """Of the steps: the smaller, the more is on its way at any time."""
        self._share_delivered = rng.choice((0.15, 0.30))
        self._steps = rng.randint(1, 5) * self.scenario.steps
        self._in_bursts = rng.random() < 0.3
        self.calm = True
        self._control = Client(self.server, lambda: "stored")
        log = ScheduledLog(self._control, self._clock)
        self._log = log
        if rng.random() < 0.5:
            self._earlier_session()
        self.genesis = self._new_session(SESSION)
        self.commands: list[Command] = []
        self.stages: list[StageProcess] = []
        self.ingests: list[IngestProcess] = []
        self.ingests_started = 0
        self.down: list[tuple[float, Callable[[], None]]] = []
        self.over = False
        self._idle = 0
        self._news = False
        """Something was stored since the last fault."""
        self.calm = False
        self._saved: dict[str, list[str]] = {}
        self._begin(rng)

    def _new_session(self, session_id: str) -> int:
        genesis = Session(phase="genesis", session_id=session_id, ts=1, config_hash="", code_hash="")
        return to_end(self._log.write_session(genesis))

    def _earlier_session(self) -> None:
        """One that left outputs behind which may still arrive."""
        epoch = self._new_session("earlier")
        for producer, place in PLACES.items():
            for index in (1, 2, 3):
                left: Message = Done(ts=index, start=0) if place.upstream else Mark(ts=index, start=0)
                kind = type_of(left, place.family)
                block = numbered(kind.name, Origin(producer, epoch, index), index, partition=0, config="")
                subject = subjects.subject(0, place.family, kind.major, kind.kind)
                self.server.limbo.append(Sent(subject, block, encode(left)))

    # --- Who takes part ------------------------------------------------------------------------------

    def _begin(self, rng: random.Random) -> None:
        topology = rng.choice(("separate", "separate", "separate", "fused", "mixed"))
        kinds = {"separate": STAGES, "fused": ("fused",), "mixed": (*STAGES, "fused")}[topology]
        self.faults[f"topology {topology}"] += 1
        for kind in kinds:
            self._saved[kind] = []
            for copy in range(rng.choice((1, 1, 2)) if topology != "mixed" else 1):
                hold_s = rng.choice((0.0, 0.2)) if copy or kind != kinds[0] else 0.0
                self.start_stage(kind, copy, hold_s, None)
        self.start_ingest()

    def start_stage(self, kind: str, copy: int, hold_s: float, restore: str | None) -> None:
        """Start a copy at a snapshot, or at the session's beginning."""
        self.say(f"start {kind}#{copy} {'at a snapshot' if restore else 'at the beginning'}")
        self.faults["restored from a snapshot"] += restore is not None
        process = StageProcess(
            kind, copy, self._saved[kind], restore, self.scenario, hold_s=hold_s,
            server=self.server, clock=self._clock, answers=self._answer, made=self._note,
        )  # fmt: skip
        self.stages.append(process)

    def start_ingest(self) -> None:
        """Start another writer of market data."""
        self.ingests_started += 1
        self.say(f"start ingest#{self.ingests_started}")
        self.ingests.append(
            IngestProcess(
                self.ingests_started,
                self.scenario,
                in_bursts=self._in_bursts,
                server=self.server,
                clock=self._clock,
                answers=self._answer,
            )
        )

    @property
    def processes(self) -> list[Process]:
        """All that live."""
        return [*self.stages, *self.ingests]

    def _clock(self) -> float:
        return self.now

    def _note(self, producer: str, number: int, message: Message) -> None:
        self.made.append((producer, number, message))

    def _answer(self) -> str:
        if self.calm or self.budget <= 0 or self.rng.random() < 0.8:
            return "stored"
        return self.count(self.rng.choice(("lost", "unanswered")))

    def say(self, text: str) -> None:
        """Trace, for whoever looks at one seed."""
        if self._speak is not None:
            self._speak(f"{self.now:8.3f} {len(self.server.log):5d}  {text}")

    def count(self, fault: str) -> str:
        """Note a fault of this kind, and that one fewer is to come."""
        self.faults[fault] += 1
        self.budget -= 1
        return fault

    # --- What happens --------------------------------------------------------------------------------

    def run(self) -> None:
        """Faults for a while, then calm until all has settled. Raises what must not happen."""
        for _ in range(self._steps):
            if self.over:
                break
            self._step()
        self.settle()

    def _step(self) -> None:
        rng = self.rng
        self.now += rng.random() * 0.01
        self._restart()
        chance = rng.random()
        busy = False
        if chance < self._share_stored:
            busy = self._store()
        elif chance < self._share_stored + self._share_delivered:
            busy = self._deliver()
        elif self._news and self.budget > 0 and rng.random() < self._rate:
            self._news = False
            strike(self)
        elif chance > 0.998:
            self._command()
        elif chance > 0.98:
            self.now += rng.random()
        else:
            awake = [each for each in self.processes if each.asleep_until <= self.now]
            busy = bool(awake) and self._let(rng.choice(awake))
        self._idle = 0 if busy else self._idle + 1
        if self._idle > IDLE_MAX:
            self.now += 0.1

    def _let(self, process: Process) -> bool:
        busy = process.step(self.rng)
        self._look_after(process)
        return busy

    def _look_after(self, process: Process) -> None:
        """What the consumers' monitors and the supervisor do."""
        for consumer in process.log.standing:
            to_end(consumer.again())
        if isinstance(process, IngestProcess) and process.fate:
            self.say(f"{process.name} ends: {process.fate}")
            self.ingests.remove(process)
            self.server.limbo += process.client.wire
            process.close()
            self.over = self.over or process.fate == "over"
            if process.fate == "unavailable":
                self.down.append((self.now + 0.5, self.start_ingest))
            elif process.fate == "superseded":
                self.faults["superseded"] += 1

    def _restart(self) -> None:
        for due, start in [each for each in self.down if each[0] <= self.now]:
            self.down.remove((due, start))
            start()
        if not self.ingests and not self.down and not self.over:
            self.start_ingest()

    def _store(self) -> bool:
        rng = self.rng
        found = [each for each in self.server.clients if each.wire]
        if not found:
            if self.server.limbo and rng.random() < 0.2:
                self.faults["stored late"] += 1
                self.server.store(self.server.limbo.pop(rng.randrange(len(self.server.limbo))))
            return False
        self._news = True
        wire = rng.choice(found).wire
        for _ in range(min(len(wire), rng.choice((1, 2, 4, 16)))):
            if self.budget > 0 and rng.random() < self._wire_loss:
                self._garble(wire.popleft(), wire)
            else:
                self.server.store(wire.popleft())
        return True

    def _garble(self, sent: Sent, wire: deque[Sent]) -> None:
        fault = self.count(self.rng.choice(("message lost", "delayed", "repeated", "reordered")))
        if fault in ("delayed", "repeated"):
            self.server.limbo.append(sent)
        if fault == "repeated":
            self.server.store(sent)
        if fault == "reordered":
            wire.insert(min(len(wire), self.rng.randint(1, 4)), sent)

    def _deliver(self) -> bool:
        rng = self.rng
        found = [
            delivery
            for process in self.processes
            if process.client.is_connected
            for delivery in process.client.deliveries.values()
            if delivery.pending
        ]
        if found:
            rng.choice(found).deliver(rng.choice((1, 4, 16, 64)))
        return bool(found)

    def _command(self) -> None:
        rng = self.rng
        number = rng.randint(1, 4)  # some repeat: commands are written at least once
        verb: Verb = "stop" if rng.random() < 0.05 else rng.choice(("halt", "resume", "resume", "reduce"))
        command = Command(
            command_id=f"command-{number}", verb=verb, ts_issued=1, by="operator", reason="simulated",
            ts_expires=1 if rng.random() < 0.1 else 2**62,
        )  # fmt: skip
        self.say(f"command {verb} {number}")
        to_end(self._log.publish_command(command))
        self.commands.append(command)

    # --- Calm ----------------------------------------------------------------------------------------

    def settle(self) -> None:
        """No more faults: every loop turns until there is nothing left to do. Violation if that never is."""
        self.calm = True
        self.say("calm")
        for process in self.processes:
            process.asleep_until = 0.0
        for _ in range(ROUNDS_MAX):
            self.now += 0.1
            if not self._round() and self.over and all(each.settled for each in self.stages):
                return
        raise Violation(f"after {ROUNDS_MAX} rounds: {self._standing()}")

    def _round(self) -> bool:
        self._restart()
        server = self.server
        busy = bool(self.down)
        for _ in range(min(4, len(server.limbo))):
            server.store(server.limbo.pop(self.rng.randrange(len(server.limbo))))
            busy = True
        for client in server.clients:
            while client.wire:
                server.store(client.wire.popleft())
                busy = True
        for process in self.processes:
            for delivery in list(process.client.deliveries.values()):
                busy = delivery.deliver(1_000_000) > 0 or busy
                delivery.heartbeat()
            busy = process.turn() or bool(process.log.standing) or busy
            self._look_after(process)
        return busy

    def _standing(self) -> str:
        parts = [f"session {'over' if self.over else 'not over'}"]
        for process in self.stages:
            writers = process.core.writers.values()
            state = ", ".join(f"{each.confirmed} of {each.made}" for each in writers)
            parts.append(
                f"{process.name} at {process.driver.last_mark} wants {process.driver.wants}, {state}"
            )
        return "; ".join(parts)

    def again(self) -> None:
        """Start a copy of a kind anew at one of its snapshots, and let it come to the same state."""
        kinds = [kind for kind, saved in self._saved.items() if saved]
        if not kinds:
            return
        kind = self.rng.choice(kinds)
        old = next(each for each in self.stages if each.kind == kind)
        self.stages.remove(old)
        old.close()
        self.start_stage(kind, old.copy, old.hold_s, self.rng.choice(self._saved[kind]))
        self.faults["restored at the end"] += 1
        self.settle()
        if self.stages[-1].driver.snapshot() != old.driver.snapshot():
            raise Violation(f"{old.name}, restored, has another state")

    def close(self) -> None:
        """Everybody stops where he is."""
        for process in self.processes:
            process.close()

    def states(self) -> Iterable[tuple[str, str]]:
        """Kind and state of every copy."""
        return [(each.kind, each.driver.snapshot()) for each in self.stages]
