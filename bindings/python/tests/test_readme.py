"""The code in README.md runs, and every public name has a docstring and a signature."""

from __future__ import annotations

import inspect
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import websans
import websans.asyncio
from websans import ClientHandshake, Text

BLOCKS = re.findall(
    r"```python\n(.*?)```", (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8"), re.DOTALL
)


def block(containing: str) -> str:
    (found,) = [it for it in BLOCKS if containing in it]
    return str(found)


def test_the_subclass_for_uvicorn() -> None:
    names: dict[str, Any] = {}
    exec(block("class MyProtocol"), names)
    assert names["MyProtocol"].read_ahead == 16


def test_the_program_for_asyncio() -> None:
    code = block("from websans.asyncio").replace("8765", str(free_port()))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert (done.stdout, done.stderr) == ("Hello\n", "")


@pytest.mark.parametrize("name", ["serve", "serve_with_deadlines"])
def test_the_servers_without_io(name: str) -> None:
    names: dict[str, Any] = {}
    exec(block(f"def {name}(sock"), names)
    ours, theirs = socket.socketpair()
    thread = threading.Thread(target=names[name], args=(theirs,))
    thread.start()
    handshake = ClientHandshake("ws://localhost/")
    ours.sendall(handshake.data_to_send())
    while handshake.next_response() is None:
        handshake.receive_data(ours.recv(65536))
    connection = handshake.connection()
    connection.send_text("Hello")
    connection.send_close()
    ours.sendall(connection.data_to_send())
    events: list[Any] = []
    while connection.state is not websans.State.CLOSED:
        connection.receive_data(ours.recv(65536))
        events += connection
    assert events == [Text("Hello"), websans.Close(1000)]
    ours.close()
    thread.join(10)
    theirs.close()
    assert not thread.is_alive()


@pytest.mark.parametrize("module", [websans, websans.asyncio])
def test_every_public_name_says_what_it_is(module: Any) -> None:
    for name in module.__all__:
        thing = getattr(module, name)
        assert inspect.getdoc(thing), name
        if not inspect.isclass(thing):
            continue
        for member, value in vars(thing).items():
            if member.startswith("_") or not (callable(value) or isinstance(value, staticmethod)):
                continue
            if module is websans:
                assert inspect.getdoc(value), f"{name}.{member}"
                assert inspect.signature(value) is not None, f"{name}.{member}"


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
