"""Echo through uvicorn's protocols and through other libraries, and memory of connections with compression.

Each server runs alone on one core, the load comes from the other. The servers take turns within a round,
and the figure is the median over the rounds: processor time of the server for each message, and messages
a second. Machines differ, so only what is beside it in one run compares; where a machine has other work too,
messages a second do not, but processor time does, and the goals are about that. ./run bench writes results.md.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).resolve().parent
SIZES = [64, 1 << 10, 16 << 10, 64 << 10, 1 << 20]
UVICORN = ["uvicorn+websans", "uvicorn+websockets", "uvicorn+websockets (legacy)", "uvicorn+wsproto"]
LIBRARIES = ["websans.asyncio", "websockets.asyncio", "aiohttp", "picows"]
NO_DEFLATE = {"picows"}  # it has none
GOALS: list[str] = []


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=2, help="for each server, size and round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--loops", default="asyncio,uvloop")
    parser.add_argument("--connections", type=int, default=5000, help="for memory")
    parser.add_argument("--no-record", action="store_true", help="do not write results.md")
    given = parser.parse_args()
    lines = [
        "# Results", "",
        f"{datetime.date.today()}, {processor()}, CPython {platform.python_version()}, "
        + ", ".join(f"{it} {version(it)}" for it in ("uvicorn", "websockets", "wsproto", "aiohttp", "picows", "uvloop"))
        + f". `./run bench`: {given.rounds} rounds of {given.seconds:g} s, medians, 32 connections.", "",
        "In each cell the processor time of the server for a message, in µs, and the messages a second.", "",
    ]  # fmt: skip
    failed = []
    for loop in given.loops.split(","):
        for deflate in (False, True):
            names = [it for it in UVICORN + LIBRARIES if not (deflate and it in NO_DEFLATE)]
            table = measure(names, loop, deflate, given.seconds, given.rounds)
            lines += [f"## {loop}, {'permessage-deflate' if deflate else 'uncompressed'}", "", *render(names, table), ""]
            if not deflate:
                failed += goals(table, loop)
    used = {name: memory(name, given.connections) for name in UVICORN}
    lines += [f"## Memory of {given.connections} connections with permessage-deflate, after an echo of 1 KiB by each", "",
              "| | for each connection |", "|---|---:|"]  # fmt: skip
    lines += [f"| {name} | {used[name] / 1024:.1f} KiB |" for name in UVICORN]
    ratio = used["uvicorn+websans"] / min(used[it] for it in UVICORN[1:])
    check(failed, f"memory is {ratio:.2f} of the least of uvicorn's own, at most 0.25", ratio <= 0.25)
    lines += ["", "## Goals", "", *[f"- {it}" for it in GOALS]]
    text = "\n".join(lines) + "\n"
    if not given.no_record:
        (HERE / "results.md").write_text(text)
    print(text)
    if failed:
        sys.exit("not reached: " + "; ".join(failed))


def check(failed: list[str], what: str, holds: bool) -> None:
    GOALS.append(f"{'reached' if holds else 'NOT reached'}: {what}")
    if not holds:
        failed.append(what)


def goals(table: dict[tuple[str, int], tuple[float, float]], loop: str) -> list[str]:
    failed: list[str] = []
    for size, goal in [(64, 1.2), (1 << 10, 1.5), (16 << 10, 1.5)]:
        ours = table["uvicorn+websans", size][0]
        theirs = min(table[name, size][0] for name in UVICORN[1:])
        what = f"{loop}, {name_of(size)}: {theirs / ours:.2f} × as many messages for a second of processor time as uvicorn's fastest, at least {goal} ×"
        check(failed, what, theirs >= goal * ours)
    return failed


def measure(
    names: list[str], loop: str, deflate: bool, seconds: float, rounds: int
) -> dict[tuple[str, int], tuple[float, float]]:
    samples: dict[tuple[str, int], list[tuple[float, float]]] = {}
    for _ in range(rounds):
        for size in SIZES:
            for name in names:
                with Server(name, deflate, loop) as server:
                    before = server.processor_time()
                    arguments = ["--size", str(size), "--seconds", str(seconds), *(["--deflate"] if deflate else [])]
                    result = load("echo", server.port, *arguments)
                    used = server.processor_time() - before
                count = result["messages"]
                samples.setdefault((name, size), []).append((used / count * 1e6, count / result["seconds"]))
                print(f"{name} {loop} {size}: {used / count * 1e6:.1f} µs", file=sys.stderr, flush=True)
    median = statistics.median
    return {key: (median(a for a, _ in it), median(b for _, b in it)) for key, it in samples.items()}


def render(names: list[str], table: dict[tuple[str, int], tuple[float, float]]) -> list[str]:
    lines = ["| | " + " | ".join(map(name_of, SIZES)) + " |", "|---" + "|---:" * len(SIZES) + "|"]
    for name in names:
        cells = [f"{table[name, size][0]:.1f} · {table[name, size][1]:,.0f}" for size in SIZES]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def name_of(size: int) -> str:
    return f"{size} B" if size < 1024 else f"{size >> 10} KiB" if size < 1 << 20 else f"{size >> 20} MiB"


def memory(name: str, connections: int) -> float:
    with Server(name, True, "asyncio") as server:
        arguments = ["--connections", str(connections), "--size", "1024", "--pid", str(server.process.pid)]
        return float(load("memory", server.port, *arguments)["bytes"])


def load(what: str, port: int, *arguments: str) -> dict[str, float]:
    command = pinned(1) + [sys.executable, str(HERE / "load.py"), what, str(port), *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit("the load generator failed")
    result: dict[str, float] = json.loads(done.stdout)
    return result


class Server:
    def __init__(self, name: str, deflate: bool, loop: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        mode = "deflate" if deflate else "none"
        self.process = subprocess.Popen(
            pinned(0) + [sys.executable, str(HERE / "servers.py"), name, str(self.port), mode, loop],
            stderr=subprocess.DEVNULL,  # what they say of connections that end without a close frame
        )

    def __enter__(self) -> Server:
        for _ in range(200):
            if self.process.poll() is not None:
                sys.exit("the server failed")
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                time.sleep(0.1)
                return self
            except OSError:
                time.sleep(0.05)
        sys.exit("the server does not listen")

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    def processor_time(self) -> float:
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def pinned(core: int) -> list[str]:
    return ["taskset", "-c", str(core)] if len(os.sched_getaffinity(0)) > 1 else []


def processor() -> str:
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        return next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), "unknown")


if __name__ == "__main__":
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    main()
