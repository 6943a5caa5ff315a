"""A pytest plugin that runs uvicorn's WebSocket tests with websans in place of uvicorn's protocols."""

from __future__ import annotations

from typing import Any

import pytest
from websans.uvicorn import WebSocketProtocol

# Cases that ask for uvicorn's classes by name, with the reason why. They run all the same: the name that
# they look at stands for ours, too.
ASK_FOR_A_CLASS = {
    "test_server_keepalive_ping_pong": "isinstance(protocol, (_WSProtocol, WebSocketsSansIOProtocol))",
    "test_server_keepalive_disabled": "isinstance(protocol, (_WSProtocol, WebSocketsSansIOProtocol))",
}


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Ours is the only protocol: uvicorn's own need no proof here."""
    if "ws_protocol_cls" in metafunc.fixturenames:
        metafunc.parametrize("ws_protocol_cls", [pytest.param(WebSocketProtocol, id="websans")])


@pytest.fixture(autouse=True)
def ours_by_their_name(request: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.node.originalname in ASK_FOR_A_CLASS:
        module = request.node.module
        monkeypatch.setattr(module, "_WSProtocol", (module._WSProtocol, WebSocketProtocol))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    names = {getattr(item, "originalname", item.name) for item in items}
    for name in ASK_FOR_A_CLASS:
        assert name in names, f"uvicorn has no case {name} any more"
    others = [it for it in items if "ws_protocol_cls" not in getattr(it, "fixturenames", ())]
    config.hook.pytest_deselected(items=others)
    for item in others:
        items.remove(item)


@pytest.fixture(autouse=True)
def a_transport_that_knows_what_waits(request: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-in for a transport lacks a method of asyncio's transports: nothing waits in it."""
    stand_in = request.node.module.MockWriteTransport
    monkeypatch.setattr(stand_in, "get_write_buffer_size", lambda transport: 0, raising=False)
