"""FastAPI's source distribution: downloaded, checked, and unpacked without the package itself."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

VERSION = "0.165.0"
SHA256 = "dd94d4128319c1e1d50535ab023ab698f850a4d2822f0e181747b46f4ff3c0ab"
ARCHIVE = f"fastapi-{VERSION}.tar.gz"
KEPT = ("tests", "docs_src", "scripts", "docs", "pyproject.toml")
"""What the tests need. The `fastapi` folder is not among it, so it can be imported from nowhere."""


class CannotPrepare(RuntimeError):
    """The suite or an environment could not be made; the text says what to do about it."""


@dataclass(frozen=True)
class Suite:
    """The unpacked tests (`home` is where pytest runs) and the archive that they came from."""

    home: Path
    archive: Path


def prepare(cache: Path) -> Suite:
    """Returns the suite, downloading and unpacking it into `cache` if it is not there yet.

    Raises CannotPrepare if it can neither be found nor downloaded.
    """
    archive = cache / ARCHIVE
    if not archive.exists() or not is_genuine(archive):
        download(archive)
    home = cache / f"suite-{VERSION}"
    if not home.exists():
        unpack(archive, home)
    return Suite(home=home, archive=archive)


def is_genuine(archive: Path) -> bool:
    return hashlib.sha256(archive.read_bytes()).hexdigest() == SHA256


def download(archive: Path) -> None:
    archive.parent.mkdir(parents=True, exist_ok=True)
    archive.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"]
    command += ["--no-deps", "--no-binary", "fastapi", "--dest", str(archive.parent)]
    command += [f"fastapi=={VERSION}"]
    for attempt in ("first", "second"):
        print(f"Downloading the source distribution of fastapi {VERSION} ({attempt} attempt)")
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0 and archive.exists():
            break
    else:
        raise CannotPrepare(
            f"The source distribution of fastapi {VERSION} could not be downloaded:\n\n"
            f"{done.stderr.strip()}\n\n"
            f"Without a network, put {ARCHIVE} into {archive.parent} and run again."
        )
    if not is_genuine(archive):
        archive.unlink()
        raise CannotPrepare(
            f"{ARCHIVE} is not the file that was published (its SHA-256 differs); it was removed."
        )


def unpack(archive: Path, home: Path) -> None:
    # Unpacked beside and renamed, so that an interrupted run leaves nothing that looks complete.
    unfinished = home.with_name(home.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    with tarfile.open(archive) as tar:
        tar.extractall(unfinished, filter="data")
    root = unfinished / f"fastapi-{VERSION}"
    for entry in root.iterdir():
        if entry.name not in KEPT:
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    root.rename(home)
    unfinished.rmdir()
