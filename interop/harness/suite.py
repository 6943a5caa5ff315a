"""Cases, the suites that hold them, and the scheduler that runs them all."""

import asyncio
import enum
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from harness.environment import Environment

Row = TypeVar("Row")
Check = Callable[[Environment], Awaitable[None]]
AT_ONCE = 6


class Lane(enum.Enum):
    """When a case runs."""

    WAITING = "at once, beside everything: it spends its time asleep"
    NORMAL = "a few at a time, beside the waiting ones"
    HEAVY = "alone, after those: it moves much data, or measures time"
    FINAL = "alone, at the very end"


@dataclass(frozen=True)
class Case:
    group: str
    name: str
    check: Check
    lane: Lane
    limit: float


@dataclass
class Suite:
    """The cases of one topic. `deflate` marks those that need permessage-deflate."""

    group: str
    deflate: bool = False
    cases: list[Case] = field(default_factory=list)

    def case(self, name: str, lane: Lane = Lane.NORMAL, limit: float = 30) -> Callable[[Check], Check]:
        """Makes a function one case."""

        def register(check: Check) -> Check:
            self.cases.append(Case(self.group, name, check, lane, limit))
            return check

        return register

    def table(
        self, name: str, rows: Iterable[Row], lane: Lane = Lane.NORMAL, limit: float = 30
    ) -> Callable[[Callable[[Environment, Row], Awaitable[None]]], None]:
        """Makes a function a case for each row; `{}` in the name is the row."""

        def register(check: Callable[[Environment, Row], Awaitable[None]]) -> None:
            for row in rows:
                self.case(name.format(row), lane, limit)(_bound(check, row))

        return register


def _bound(check: Callable[[Environment, Row], Awaitable[None]], row: Row) -> Check:
    return lambda environment: check(environment, row)


async def within(seconds: float, what: str, doing: Awaitable[Row]) -> Row:
    """The result of `doing`, or an AssertionError that says what took too long."""
    try:
        async with asyncio.timeout(seconds):
            return await doing
    except TimeoutError:
        raise AssertionError(f"{what}: nothing after {seconds:g} s") from None


class Scheduler:
    """Runs cases lane by lane, reports failures as they come, and counts."""

    def __init__(self, environment: Environment, *, verbose: bool) -> None:
        self.environment = environment
        self.verbose = verbose
        self.results: dict[Case, str | None] = {}
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def run(self, cases: list[Case]) -> None:
        lanes = {lane: [case for case in cases if case.lane is lane] for lane in Lane}
        await asyncio.gather(
            *(self._run(case) for case in lanes[Lane.WAITING]),
            *(self._run_in_slot(case) for case in lanes[Lane.NORMAL]),
        )
        for case in lanes[Lane.HEAVY] + lanes[Lane.FINAL]:
            await self._run(case)

    def report(self) -> int:
        """Prints a line for each group and the closing line; the exit status."""
        groups: dict[str, list[str | None]] = {}
        for case, problem in self.results.items():
            groups.setdefault(case.group, []).append(problem)
        for group, problems in groups.items():
            failed = len(problems) - problems.count(None)
            print(f"{group}: {len(problems)} checks, {failed or 'none'} failed")
        failed = sum(problem is not None for problem in self.results.values())
        print(f"{len(self.results) - failed} passed, {failed} failed")
        return 1 if failed or not self.results else 0

    async def _run_in_slot(self, case: Case) -> None:
        async with self._slots:
            await self._run(case)

    async def _run(self, case: Case) -> None:
        started = time.monotonic()
        problem: str | None = None
        try:
            async with asyncio.timeout(case.limit):
                await case.check(self.environment)
        except TimeoutError:
            problem = f"not done after {case.limit:g} s"
        except AssertionError as failure:
            problem = str(failure)
        except Exception as error:  # whatever a peer library raises is this case's failure
            problem = f"{type(error).__name__}: {error}"
        self.results[case] = problem
        took = f"{time.monotonic() - started:.1f} s"
        if problem is not None:
            print(f"FAILED  {case.group}: {case.name} ({took}): {problem[:2000]}", flush=True)
        elif self.verbose:
            print(f"ok      {case.group}: {case.name} ({took})", flush=True)
