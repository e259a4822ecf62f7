"""Migrations, on Alembic.

project.py                    which database, which tables, which files
scripts.py, context.py        the graph of the files; Alembic's environment
difference.py                 what the models ask of the database: scratch.py and facts.py read
                              both, compare.py, keys.py, checks.py and enums.py find, renames.py
                              and questions.py ask, ordering.py puts in order, types.py writes
                              types
maker.py, files.py            a migration is written
runner.py, lock.py            migrations are run: sqlite.py, journal.py, progress.py, data.py
recorder.py                   what a migration does, without doing it: for lint.py, merging.py,
                              squashing.py; writing.py shows its SQL
impls.py                      what Alembic asks of a dialect
"""

from trivium.db.migrations.lint import RULES, Finding, lint, lint_pending
from trivium.db.migrations.maker import Made, changes, make, make_data, make_empty
from trivium.db.migrations.merging import merge
from trivium.db.migrations.project import Migrations
from trivium.db.migrations.questions import AllYes, NobodyAsked, Questions
from trivium.db.migrations.runner import Options, Step, migrate, plan
from trivium.db.migrations.squashing import squash
from trivium.db.migrations.status import Status, status
from trivium.db.migrations.writing import sql_of

__all__ = [
    "RULES",
    "AllYes",
    "Finding",
    "Made",
    "Migrations",
    "NobodyAsked",
    "Options",
    "Questions",
    "Status",
    "Step",
    "changes",
    "lint",
    "lint_pending",
    "make",
    "make_data",
    "make_empty",
    "merge",
    "migrate",
    "plan",
    "sql_of",
    "squash",
    "status",
]
