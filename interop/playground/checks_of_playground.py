"""Runs the checks one after the other: some measure memory and time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import page_checks
import page_usability
import server_checks


async def run_all(program: Path, load: Path, browser: str | None, axe: Path | None, only: str) -> int:
    checks = server_checks.checks(program, load)
    if browser is not None and axe is not None:
        checks |= page_checks.checks(program, browser) | page_usability.checks(program, browser, axe)
    chosen = {name: check for name, check in checks.items() if only in name}
    problems = [await _run(name, check) for name, check in chosen.items()]
    failed = len(problems) - problems.count(None)
    print(f"{len(problems) - failed} passed, {failed} failed")
    return 1 if failed or not problems else 0


async def _run(name: str, check: Callable[[], Awaitable[str | None]]) -> str | None:
    started = time.monotonic()
    problem = remark = None
    try:
        async with asyncio.timeout(120):
            remark = await check()
    except TimeoutError:
        problem = "not done in time"
    except AssertionError as failure:
        problem = str(failure)
    except Exception as error:  # whatever goes wrong is this check's failure
        problem = f"{type(error).__name__}: {error}"
    outcome = "ok    " if problem is None else "FAILED"
    print(f"{outcome} {name} ({time.monotonic() - started:.1f} s){f': {problem or remark}' if problem or remark else ''}", flush=True)
    return problem
