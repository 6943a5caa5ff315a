"""All checks, by topic."""

from checks import (
    browser,
    hostile_clients,
    hostile_servers,
    lifecycle,
    our_client,
    our_client_deflate,
    websockets_client,
    websockets_deflate,
    ws_client,
)
from harness.environment import Settings, environment
from harness.suite import Scheduler, Suite


async def run_all(settings: Settings, *, only: str, verbose: bool) -> int:
    """Runs the checks whose group or name contains `only`; the exit status."""
    suites: list[Suite] = [
        websockets_client.suite,
        websockets_deflate.suite,
        await ws_client.suite(),
        our_client.suite,
        our_client_deflate.suite,
        hostile_servers.suite,
        hostile_clients.suite,
        lifecycle.suite,
    ]
    async with browser.suite(settings) as in_browser:
        suites.append(in_browser)
        cases = [case for suite in suites if settings.expect_deflate or not suite.deflate for case in suite.cases]
        async with environment(settings) as servers:
            scheduler = Scheduler(servers, verbose=verbose)
            await scheduler.run([case for case in cases if only in case.group or only in case.name])
    return scheduler.report()
