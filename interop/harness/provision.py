"""Sets up what the checks need: the pinned peers, a browser, the examples. Standard library only."""

import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

INTEROP = Path(__file__).resolve().parents[1]
VENV = INTEROP / ".venv"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


class Unavailable(Exception):
    """Something that the checks need is not there and cannot be installed."""


def virtualenv() -> Path:
    """The Python of a virtualenv that holds what is pinned in requirements.txt."""
    requirements = INTEROP / "requirements.txt"
    pinned = [line.split("==") for line in requirements.read_text().splitlines() if not line.startswith("#")]
    if sys.version_info < (3, 11):
        raise Unavailable(f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}")
    python = VENV / "bin" / "python"
    found = (any(VENV.glob(f"lib/python*/site-packages/{name}-{version}.dist-info")) for name, version in pinned)
    if not python.exists() or not all(found):
        try:
            venv.create(VENV, clear=True, with_pip=True)
        except (OSError, subprocess.CalledProcessError) as problem:
            raise Unavailable(f"cannot make a virtualenv (is Python's venv module installed?): {problem}") from problem
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, "-r", str(requirements)], f"cannot install {requirements} from PyPI")
    return python


def node_modules() -> Path:
    """Installs what package.json pins beside it, and says where: `ws`, and axe-core, which looks for barriers in pages."""
    wanted = json.loads((INTEROP / "package.json").read_text())["dependencies"]
    place = INTEROP / "node_modules"
    if shutil.which("node") is None:
        raise Unavailable("Node.js is needed: no `node` on the PATH")
    if not all(_is_installed(place / name / "package.json", version) for name, version in wanted.items()):
        npm = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund"]
        _run(npm, f"cannot install {', '.join(wanted)} with npm")
    return place


def _is_installed(manifest: Path, version: str) -> bool:
    return manifest.exists() and json.loads(manifest.read_text())["version"] == version


def browser() -> str:
    """The path of Chromium, which is installed with apt-get if it is not there."""
    if (found := _find_browser()) is None:
        if shutil.which("apt-get") is None or os.geteuid() != 0:
            raise Unavailable("Chromium is not installed: install it, or pass --skip-browser")
        hint = "cannot install Chromium with apt-get (--skip-browser leaves it out)"
        _run(["apt-get", "update", "--quiet=2"], hint)
        _run(["apt-get", "install", "--quiet=2", "--yes", "--no-install-recommends", "chromium"], hint)
        found = _find_browser()
    if found is None:
        raise Unavailable("apt-get installed chromium, but it is not on the PATH (--skip-browser leaves it out)")
    return found


def examples(bin_dir: Path | None) -> tuple[Path, Path]:
    """The example `echo_server`, and the client `websans`: those in `bin_dir`, or else freshly built."""
    if bin_dir is not None:
        found = {name: bin_dir.resolve() / name for name in ("echo_server", "websans")}
    else:
        found = build("--example", "echo_server") | build("--package", "websans-cli")
    for name in ("echo_server", "websans"):
        if name not in found or not os.access(found[name], os.X_OK):
            raise Unavailable(f"{name} is not there: {found.get(name, 'cargo named no executable')}")
    return found["echo_server"], found["websans"]


def build(*targets: str) -> dict[str, Path]:
    """Builds what cargo is told, with optimisation, and says where the programs are, by name."""
    cargo = ["cargo", "build", "--release", "--message-format=json-render-diagnostics", *targets]
    messages = map(json.loads, _run(cargo, "cargo cannot build the examples", limit=1800).splitlines())
    artifacts = [message for message in messages if message.get("executable")]
    return {artifact["target"]["name"]: Path(artifact["executable"]) for artifact in artifacts}


def _find_browser() -> str | None:
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


def _run(command: Sequence[str], problem: str, limit: float = 600) -> str:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command, cwd=INTEROP, env=environment, timeout=limit, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{problem}: {error}") from error
    if done.returncode != 0:
        raise Unavailable(f"{problem}:\n" + "\n".join(done.stderr.strip().splitlines()[-20:]))
    return done.stdout
