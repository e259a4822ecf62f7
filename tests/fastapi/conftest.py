"""A fresh Python for what can be done only once in a process."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src"


@pytest.fixture
def run_python(tmp_path):
    """Runs Python in an empty directory; gives what it printed, or its error output on failure."""

    def run(*arguments, fails=False):
        if len(arguments) == 1:
            arguments = ("-c", textwrap.dedent(arguments[0]))
        done = subprocess.run(
            [sys.executable, "-W", "error", *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(SRC)},
            capture_output=True,
            text=True,
            timeout=50,
        )
        assert (done.returncode != 0) == fails, done.stderr
        return done.stderr if fails else done.stdout

    return run
