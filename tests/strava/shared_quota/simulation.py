"""Workers, athletes and Strava in simulated time: `python -m tests.strava.shared_quota.simulation SEED`.

A seed decides limits, athletes, workers and machines, when webhooks come, how long requests take,
and what goes wrong: clocks that jump, a Redis that is lost, away or restarted from an older file,
workers that die, answers that lie. The program's own ledger and store decide; only Redis's key and
PostgreSQL's row are dictionaries here. What a seed does never changes, so a failing one is replayed
by its number.
"""

import heapq
import logging
import sys
from collections import Counter, deque
from dataclasses import dataclass
from itertools import count
from multiprocessing import Pool
from random import Random

from redis.exceptions import ConnectionError as RedisConnectionError

from strava.shared_quota.ledger import Ledger
from strava.shared_quota.limits import Numbers
from strava.shared_quota.question import AnsweredCall, Granted, QuotaAsk
from strava.shared_quota.rules import QuotaRules
from strava.shared_quota.store import Shared, SharedLedger
from tests.strava.shared_quota.outcome import Outcome
from tests.strava.shared_quota.referee import LIES, Referee, answer

QUARTERS = 6
_NAMED = "the ledger "
_names = count()


class FakeRedis:
    """One key, which may be lost; its clock may jump.

    `ledger` is what the value says. Writing it out each time would take most of the simulation's time, so only what
    is read again later is text: what is kept for a restart, and every tenth seed.
    """

    def __init__(self, world: "World") -> None:
        self.world, self.value, self.life, self.skew_s = world, "", "1", 0.0
        self.is_away, self.older = False, ""
        self.ledger: Ledger | None = None
        self.offered: Ledger | None = None

    def read(self) -> Shared:
        if self.is_away:
            raise RedisConnectionError
        return Shared(self.value, self.world.now_s + self.skew_s, self.life)

    def replace(self, old: Shared, new: str) -> tuple[bool, Shared]:
        is_set = (old.value, old.life) == (self.read().value, self.life)
        if is_set:
            self.value, self.ledger = new, self.offered
            if self.world.random.random() < 0.02:
                self.older = self.ledger.to_text() if self.ledger else new
        return is_set, self.read()

    def restart(self, value: str) -> None:
        self.ledger = None
        self.value, self.life = value, str(int(self.life) + 1)


class FakeCopy:
    """One row, which is never lost."""

    def __init__(self, world: "World") -> None:
        self.world, self.generation, self.text = world, 0, None

    def take_over(self):
        self.generation += 1
        return self.generation, self.text, self.world.now_s

    def change(self, generation, change) -> bool:
        if generation != self.generation:
            return False
        self.text = change(self.text)
        return True


class QuickLedger(SharedLedger):
    """The program's, but that what it wrote last is not read from text.

    Nothing else uses that object meanwhile: the simulation does one thing at a time.
    """

    def _ledger_in(self, shared: Shared) -> Ledger | None:
        if shared.value.startswith(_NAMED):
            if shared.value != self._shared.value:  # another worker has written since: any will do
                return Ledger(life=shared.life)
            kept = self._shared.ledger
            return kept if kept.life == shared.life else None
        return super()._ledger_in(shared)

    def _text_of(self, ledger: Ledger) -> str:
        self._shared.offered = ledger
        return f"{_NAMED}{next(_names)}"


@dataclass
class Machine:
    name: str
    started_s: float
    rate: float

    def steady(self, now_s: float) -> tuple[str, float]:
        return self.name, (now_s - self.started_s) * self.rate


@dataclass
class SimulatedJob:
    """A backfill of an athlete, or something that goes first; `left` requests."""

    left: float
    athlete: str | None = None


class World:
    """The simulation of one seed."""

    def __init__(self, seed: int) -> None:
        self.random = random = Random(seed)
        self._kind_of_ledger = QuickLedger if seed % 10 else SharedLedger
        quarter, day = random.choice(((20, 90), (20, 2000), (30, 100), (40, 4000), (60, 200)))
        self.referee = Referee(Numbers(2 * quarter, 2 * day, quarter, day))
        self.rules = QuotaRules(
            Numbers(*(random.choice(((10, 50), (20, 90))) * 2)),
            random.choice((0, 10, 20, 40)),
            20,
            80.0,
        )
        start_day = 20_000 * 86_400
        self.now_s = start_day + random.choice(
            (random.uniform(0, 80_000), 86_400 - random.uniform(0, 4000))
        )
        self.ends_s = self.now_s + QUARTERS * 900
        self.redis, self.copy = FakeRedis(self), FakeCopy(self)
        self.redis.skew_s = random.choice((0.0, random.uniform(-200, 200)))
        self.outcome = Outcome(is_calm=random.random() < 0.4)
        self._lies = 0.0 if self.outcome.is_calm else random.choice((0.0, 0.0, 0.05, 0.3))
        self._events: list = []
        self._order = count()
        self._queue: deque[SimulatedJob] = deque()
        self._idle: list[SharedLedger] = []
        self._granted: Counter[str] = Counter()
        self._came: set[str] = set()
        self._under_way = [0, 0]
        self._begin()
        window_ends_s = (self.now_s // 900 + 1) * 900
        for number in range(2, QUARTERS):  # before, Strava's time and limits are found out
            self._later(window_ends_s + number * 900 - 0.01 - self.now_s, self._look_back)

    def _begin(self) -> None:
        random = self.random
        machines = [self._machine(number) for number in range(random.randint(1, 3))]
        for _ in range(random.randint(1, 6)):
            self._idle.append(self._ledger_of(random.choice(machines)))
        self._athletes = random.randint(1, 8)
        for number in range(self._athletes):
            self._later(
                random.uniform(0, 60), self._enqueue, SimulatedJob(float("inf"), str(number))
            )
        for number in range(random.randint(0, 3)):  # which end
            job = SimulatedJob(random.randint(1, 30), f"short {number}")
            self._later(random.uniform(0, 3000), self._enqueue, job)
        at_s = 0.0
        pause_s = random.choice((20, 100, 400))
        while (at_s := at_s + random.expovariate(1 / pause_s)) < QUARTERS * 900:
            self._later(at_s, self._enqueue, SimulatedJob(random.randint(1, 3)))
        if not self.outcome.is_calm:
            for _ in range(random.randint(0, 4)):
                trouble = random.choice(
                    (
                        self._lose,
                        self._lose,
                        self._empty,
                        self._restart,
                        self._away,
                        self._jump,
                        self._reboot,
                    )
                )
                self._later(random.uniform(0, QUARTERS * 900), trouble)

    def run(self) -> Outcome:
        while self._events and self._events[0][0] < self.ends_s:
            self.now_s, _, act, arguments = heapq.heappop(self._events)
            act(*arguments)
        self.outcome.beyond = self.referee.beyond
        self.outcome.shares = (
            {}
            if self._lies
            else {str(number): self._granted[str(number)] for number in range(self._athletes)}
        )
        self.outcome.requests = sum(map(sum, self.referee.by_window.values()))
        return self.outcome

    def _later(self, in_s: float, act, *arguments) -> None:
        heapq.heappush(self._events, (self.now_s + in_s, next(self._order), act, arguments))

    def _machine(self, number: int) -> Machine:
        return Machine(
            f"machine {number}",
            self.now_s - self.random.uniform(0, 9e6),
            1 + self.random.uniform(-5e-5, 5e-5),
        )

    def _ledger_of(self, machine: Machine) -> SharedLedger:
        ledger = self._kind_of_ledger(
            self.redis, self.copy, self.rules, lambda: machine.steady(self.now_s), retry_redis_s=0
        )
        ledger.machine = machine
        return ledger

    # --- workers

    def _enqueue(self, job: SimulatedJob) -> None:
        self._queue.append(job) if job.athlete else self._queue.appendleft(job)
        self._work()

    def _work(self) -> None:
        while self._queue and self._idle:
            job = self._queue.popleft()
            self._ask(self._idle.pop(), job)

    def _free(self, worker: SharedLedger) -> None:
        self._idle.append(worker)
        self._work()

    def _ask(
        self, worker: SharedLedger, job: SimulatedJob, answered: AnsweredCall | None = None
    ) -> None:
        if job.athlete is not None and not job.athlete.startswith("short"):
            self._came.add(job.athlete)
        read = job.athlete is not None or self.random.random() < 0.9
        call = str(next(self._order))
        decision, _ = worker.reserve(QuotaAsk(call, read, job.athlete), answered)
        if isinstance(decision, Granted):
            self._note(job, read)
            takes_s = self.random.choice(
                (
                    self.random.uniform(0.05, 1),
                    self.random.uniform(0.05, 1),
                    self.random.uniform(1, 9),
                )
            )
            self._later(takes_s, self._arrive, worker, job, call, read)
        elif decision.reason == "first answer":
            self._later(decision.wait_s, self._ask, worker, job)
        else:
            self._later(decision.wait_s + self.random.uniform(0, 2), self._enqueue, job)
            self._free(worker)

    def _note(self, job: SimulatedJob, read: bool) -> None:
        """Look at a grant with Strava's eyes."""
        if job.athlete is not None:
            left = self._left_to_backfills()
            if left <= 0:
                self.outcome.into_reserve.append((self.now_s, left))
            if len(self._came) >= self._athletes:
                self._granted[job.athlete] += 1
        self._count_under_way(1, read)

    def _look_back(self) -> None:
        """Note what was left to backfills of a window that ends now."""
        self.outcome.unused.append(max(0, self._left_to_backfills()))

    def _left_to_backfills(self) -> int:
        """Requests that backfills may still make in Strava's eyes; those under way are made."""
        reserve = self.rules.reserve
        lefts = [self.referee.left(self.now_s, kind=kind, reserve=reserve) for kind in (0, 1)]
        return min(left - here for left, here in zip(lefts, self._under_way, strict=True))

    def _count_under_way(self, change: int, read: bool) -> None:
        for kind in (0, 1) if read else (0,):
            self._under_way[kind] += change

    def _arrive(self, worker: SharedLedger, job: SimulatedJob, call: str, read: bool) -> None:
        random = self.random
        self._count_under_way(-1, read)
        within = self.referee.arrive(self.now_s, read=read)
        lie = random.choice(LIES) if random.random() < self._lies else None
        is_429 = not within or (self._lies > 0 and random.random() < 0.01)
        told = answer(self.referee, self.now_s, is_429=is_429, lie=lie, random=random)
        job.left -= not is_429
        if not self.outcome.is_calm and random.random() < 0.01:
            self._later(15, self._dies, worker, job)
        elif not self.outcome.is_calm and random.random() < 0.01:
            self._later(random.uniform(0, 10), self._settle, worker, job, call, None)
        else:
            self._later(random.uniform(0.02, 0.5), self._settle, worker, job, call, told)

    def _settle(self, worker: SharedLedger, job: SimulatedJob, call: str, told) -> None:
        answered: AnsweredCall | None = AnsweredCall(call, told)
        is_usual = told is not None and told.told is not None and not told.is_429
        waits = is_usual and job.athlete is not None and job.left > 0  # for the next request
        if not waits or self.random.random() < 0.5:
            worker.settle(answered)
            answered = None
        if job.left <= 0:
            if job.athlete is not None:
                worker.leave(job.athlete)
            self._free(worker)
        else:
            self._later(self.random.uniform(0.01, 0.3), self._ask, worker, job, answered)

    def _dies(self, worker: SharedLedger, job: SimulatedJob) -> None:
        self._idle.append(self._ledger_of(worker.machine))
        self._enqueue(job)

    # --- troubles

    def _forget(self) -> None:
        """Note what PostgreSQL's copy, which takes Redis's place, does not know of turns."""
        held = self.redis.ledger or _ledger_of(self.redis.value)
        kept = _ledger_of(self.copy.text).turns.athletes
        more = [
            each.served - kept[name].served
            for name, each in held.turns.athletes.items()
            if name in kept
        ]
        self.outcome.forgotten += max([0, *more])

    def _lose(self) -> None:
        self._forget()
        self.redis.restart("")

    def _empty(self) -> None:
        self._forget()
        self.redis.value, self.redis.ledger = "", None

    def _restart(self) -> None:
        self._forget()
        self.redis.restart(self.redis.older)

    def _away(self) -> None:
        self._forget()
        self.redis.is_away = True
        self._later(self.random.uniform(1, 600), self._back)

    def _back(self) -> None:
        self.redis.is_away = False
        if self.random.random() < 0.5:
            self.redis.restart(self.random.choice(("", self.redis.older)))

    def _jump(self) -> None:
        self.redis.skew_s += self.random.choice((-1, 1)) * self.random.choice(
            (5, 100, 3600, 90_000)
        )

    def _reboot(self) -> None:
        """A worker's machine starts anew: it knows nothing of its clock."""
        if self._idle:
            self._idle.pop()
            self._idle.append(self._ledger_of(self._machine(next(self._order))))


def _ledger_of(text: str | None) -> Ledger:
    return Ledger.from_text(text) if text else Ledger()


def faults_of(seed: int) -> list[str]:
    """What a seed shows that must not be."""
    return World(seed).run().faults()


def main(arguments: list[str]) -> int:
    """Look at seeds from the first argument on, as many as the second says, in all cores."""
    first, number = int(arguments[0]), int((arguments[1:] or ["1"])[0])
    failed = requests = 0
    with Pool(initializer=logging.disable, initargs=(logging.WARNING,)) as pool:
        results = pool.imap(_looked_at, range(first, first + number), chunksize=20)
        for seed, (made, found) in zip(range(first, first + number), results, strict=True):
            requests += made
            failed += bool(found)
            if found:
                print(f"seed {seed}: {'; '.join(found)}", flush=True)  # noqa: T201
            if (seed + 1 - first) % 250 == 0:
                told = f"… {seed + 1 - first} seeds, {requests} requests, {failed} failed"
                print(told, flush=True)  # noqa: T201
    print(f"{number} seeds, {requests} requests to Strava, {failed} seeds failed")  # noqa: T201
    return 1 if failed else 0


def _looked_at(seed: int) -> tuple[int, list[str]]:
    outcome = World(seed).run()
    return outcome.requests, outcome.faults()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
