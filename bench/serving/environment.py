"""The peers' environment: made once, anew when the requirements change.

python -m bench.serving.environment
"""

import compileall
import hashlib
import json
import subprocess
import sys
import tomllib
import venv
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PLACE = ROOT / ".cache" / "bench-venv"
PYTHON = PLACE / "bin" / "python"
REQUIREMENTS = Path(__file__).with_name("requirements.txt")


def make(wanted: Path = REQUIREMENTS, place: Path = PLACE) -> dict[str, str]:
    """Makes the environment where it is not there yet.

    Returns what could not be installed, with pip's last word on it. One peer that cannot be
    installed on this machine does not keep the others from being measured.
    """
    # as pip does for the peers, whatever PYTHONDONTWRITEBYTECODE says
    compileall.compile_dir(ROOT / "src", quiet=1)
    made_for = hashlib.sha256(_made_for(wanted).encode()).hexdigest()
    stamp_file = place / "made-for.json"
    if stamp_file.exists():
        stamp = json.loads(stamp_file.read_text())
        if stamp["for"] == made_for:
            failed: dict[str, str] = stamp["failed"]
            return failed
    print(f"Installing the peers into {place.relative_to(ROOT)}", flush=True)
    venv.create(place, with_pip=True, clear=True)
    python = place / "bin" / "python"
    failed = {}
    if _pip(python, "--requirement", str(wanted)):
        for line in requirements(wanted):
            if reason := _pip(python, line, "--constraint", str(wanted)):
                failed[line.partition("==")[0]] = reason
                print(f"  {line} cannot be installed: {reason}", flush=True)
    # With what its production stages use where it is there.
    trivium = f"{ROOT}[{','.join(_extras())}]"
    if reason := _pip(python, "--editable", trivium, "--constraint", str(wanted)):
        raise SystemExit(f"Trivium cannot be installed next to its peers: {reason}")
    stamp_file.write_text(json.dumps({"for": made_for, "failed": failed}))
    return failed


def requirements(wanted: Path = REQUIREMENTS) -> list[str]:
    """The requirements, one a line, comments left out."""
    lines = (line.partition("#")[0].strip() for line in wanted.read_text().splitlines())
    return [line for line in lines if line]


def _made_for(wanted: Path) -> str:
    """What the environment has to be made anew for."""
    needed = [
        *_project()["dependencies"],
        *(line for lines in _extras().values() for line in lines),
    ]
    return "\n".join([sys.version, *requirements(wanted), *needed])


def _extras() -> dict[str, list[str]]:
    """Trivium's extras that make a production stage do more."""
    extras: dict[str, list[str]] = _project()["optional-dependencies"]
    return {name: lines for name, lines in extras.items() if name in ("observe", "production")}


def _project() -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return project


def _pip(python: Path, *arguments: str) -> str | None:
    """None, or the last line that pip wrote of why it failed."""
    done = subprocess.run(
        [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", *arguments],
        capture_output=True,
        text=True,
    )
    if done.returncode == 0:
        return None
    errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
    return (errors or done.stderr.strip().splitlines() or ["pip said nothing"])[-1]


if __name__ == "__main__":
    make()
