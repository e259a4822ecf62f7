"""Programs that write: the steps give the same on both sides, and leave the same rows."""

from __future__ import annotations

from typing import Any

import pytest

from tests.db.differential import made_programs
from tests.db.differential import written_programs as written
from tests.db.differential.conftest import Changing
from tests.db.differential.programs import Step

pytestmark = pytest.mark.slow

BATCH = 20
PROGRAMS = [
    *written.CREATING,
    *written.SAVING,
    *written.GETTING,
    *written.BULK,
    *written.UPDATING,
    *written.DELETING,
    *written.TYING,
    *written.TRANSACTIONS,
]


def same(changing: Changing, program: list[Step]) -> None:
    theirs, their_rows = changing.of_django(program)
    for style in ("trivium", "django"):
        ours, our_rows = changing.of_trivium(program, style)
        assert ours == theirs, (style, program)
        assert our_rows == their_rows, (style, program)


@pytest.mark.parametrize("program", PROGRAMS, ids=str)
def test_programs_by_hand(changing: Changing, program: Any) -> None:
    same(changing, program)


@pytest.mark.parametrize("start", range(0, 240, BATCH))
def test_programs_by_a_program(changing: Changing, start: int) -> None:
    for seed in range(start, start + BATCH):
        same(changing, made_programs.program(seed))
