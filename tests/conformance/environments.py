"""The two environments: `fastapi` is Trivium in one and the real package in the other.

`deps` is a virtual environment with the dependencies of FastAPI's tests and with Trivium, and
without the real package. `real` is a virtual environment that holds the real package and nothing
else, and borrows the dependencies of `deps` through a path file. So a difference between two
sessions cannot come from a difference between two resolutions, and the slow half is installed once.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

from tests.conformance.suite import VERSION, CannotPrepare, Suite

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
REQUIREMENTS = HERE / "requirements.txt"
STAMP = ".made-from"


@dataclass(frozen=True)
class Environments:
    """The two interpreters, and `key`, which changes with any installed version or Python's."""

    trivium: Path
    real: Path
    key: str


def prepare(cache: Path, suite: Suite) -> Environments:
    """Returns both environments, making what is missing or was made from other requirements.

    Raises CannotPrepare if something cannot be installed.
    """
    wanted = fingerprint(requirements(), sys.version, VERSION)
    deps, real = cache / "deps", cache / "real"
    if not is_made(deps, wanted):
        print("Making the environment with Trivium and the suite's dependencies")
        make_deps(deps)
        stamp(deps, wanted)
        shutil.rmtree(real, ignore_errors=True)
    if not is_made(real, wanted):
        print("Making the environment with the real package")
        make_real(real, deps, suite.archive)
        stamp(real, wanted)
    return Environments(
        trivium=python_of(deps),
        real=python_of(real),
        key=fingerprint(installed(deps), sys.version, VERSION),
    )


def make_deps(home: Path) -> None:
    create(home, "--clear")
    pip(home, "install", "--upgrade", "pip")
    pip(home, "install", "--requirement", str(REQUIREMENTS), "--editable", f"{ROOT}[testing]")


def make_real(home: Path, deps: Path, archive: Path) -> None:
    create(home, "--clear", "--without-pip")
    (packages_of(home) / "borrowed.pth").write_text(f"{packages_of(deps)}\n", encoding="utf-8")
    # pip itself is borrowed too.
    pip(home, "install", "--no-deps", str(archive))


# -- What they are made from ----------------------------------------------------------------------


def requirements() -> str:
    """Every line that decides what is installed: the suite's requirements and Trivium's own."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    own = {name: project[name] for name in ("dependencies", "optional-dependencies")}
    return REQUIREMENTS.read_text(encoding="utf-8") + json.dumps(own)


def installed(home: Path) -> str:
    """The exact versions in an environment, Trivium itself left out."""
    return pip(home, "freeze", "--exclude-editable", "--exclude", "trivium")


def fingerprint(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def is_made(home: Path, wanted: str) -> bool:
    mark = home / STAMP
    return mark.exists() and mark.read_text(encoding="utf-8") == wanted and python_of(home).exists()


def stamp(home: Path, wanted: str) -> None:
    (home / STAMP).write_text(wanted, encoding="utf-8")


# -- Virtual environments -------------------------------------------------------------------------


def create(home: Path, *options: str) -> None:
    run([sys.executable, "-m", "venv", *options, str(home)])


def pip(home: Path, *arguments: str) -> str:
    """Runs pip for an environment and returns what it printed. Raises CannotPrepare if it fails."""
    command = [
        str(python_of(home)),
        "-m",
        "pip",
        "--disable-pip-version-check",
        "--quiet",
        *arguments,
    ]
    try:
        return run(command)
    except CannotPrepare:
        if arguments[0] != "install":
            raise
        print("The installation failed; trying once more")
        return run(command)


def run(command: list[str]) -> str:
    # A PYTHONPATH of the caller could bring the real package in by the back door.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode != 0:
        raise CannotPrepare(f"{' '.join(command)}\n\n{done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def python_of(home: Path) -> Path:
    return home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def packages_of(home: Path) -> Path:
    if os.name == "nt":
        return home / "Lib" / "site-packages"
    return home / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
