"""All checks, by program."""

import tempfile
from pathlib import Path
from typing import cast

import client_checks
import echo_checks
import h2_checks
import pipe_checks
import proxy_checks
from programs import prepare

from harness.environment import Environment
from harness.suite import Scheduler


async def run_all(programs: dict[str, Path], browser: str | None, *, only: str, verbose: bool) -> int:
    """Runs the checks whose group or name contains `only`; the exit status."""
    modules = (echo_checks, h2_checks, client_checks, proxy_checks, pipe_checks)
    cases = [case for module in modules for case in module.suite.cases if browser or "Chromium" not in case.name]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        shared = prepare(programs, browser, Path(scratch))
        scheduler = Scheduler(cast(Environment, shared), verbose=verbose)
        await scheduler.run([case for case in cases if only in case.group or only in case.name])
    return scheduler.report()
