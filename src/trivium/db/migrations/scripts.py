"""The files of the migrations, and the graph that they are."""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from alembic.script import Script, ScriptDirectory
from alembic.script.revision import RevisionError
from alembic.util import CommandError

from trivium.db.migrations.errors import BranchedMigrations, MigrationError, NoSuchMigration
from trivium.db.migrations.project import Migrations

REPLACED = "replaced"
"""The directory, beside the files, of those that a squashed migration stands for."""

_NUMBER = re.compile(r"(\d+)")


class Scripts(ScriptDirectory):
    """The files of one directory.

    heads: where the database stands. A squashed migration takes the place of the files that it
        replaces, except where the database stands in their midst.
    """

    def __init__(self, directory: Path, heads: Collection[str] = ()) -> None:
        # Alembic looks here for a template, which is not used; what exists is good enough.
        super().__init__(str(Path(__file__).parent), version_locations=[str(directory)])
        self.directory = directory
        self._standing = frozenset(heads)

    def _load_revisions(self) -> Iterator[Script]:
        for script in self._files(self.directory):
            replaces = set(replaced_by(script))
            if (replaces - {script.revision}) & self._standing:
                yield from (
                    old
                    for old in self._files(self.directory / REPLACED)
                    if old.revision in replaces
                )
            else:
                yield script

    def _files(self, directory: Path) -> Iterator[Script]:
        if not directory.is_dir():
            return
        for path in sorted(directory.glob("[!_.]*.py")):
            with told(path):
                script = Script._from_path(self, path)
            if script is not None:
                if is_data(script):
                    # Alembic takes these from every module, and they are not called.
                    vars(script.module).update(upgrade=_nothing, downgrade=_nothing)
                yield script

    # -- The graph -------------------------------------------------------------------------------

    def all(self) -> list[Script]:
        """Every migration, each after those it follows."""
        with graph_errors():
            return list(reversed(list(self.walk_revisions())))

    def find(self, name: str) -> Script:
        """The migration of this name, or the only one that begins with it."""
        matches = [script for script in self.all() if script.revision == name] or [
            script for script in self.all() if script.revision.startswith(name)
        ]
        if len(matches) == 1:
            return matches[0]
        names = ", ".join(script.revision for script in matches or self.all()[-5:])
        said = f"begin with {name!r}: {names}" if matches else f"is named {name!r}"
        hint = "" if matches or not names else f"\n  The last ones: {names}"
        raise NoSuchMigration(
            f"{'Several migrations' if matches else 'No migration'} {said} "
            f"(in {self.directory}).{hint}"
        )

    def schema_heads(self) -> list[Script]:
        """The last migrations of the schema: one, or several where it has branched."""
        return self._heads(data=False)

    def data_heads(self) -> list[Script]:
        """The last data migrations, which are a graph of their own beside the schema's."""
        return self._heads(data=True)

    def _heads(self, *, data: bool) -> list[Script]:
        scripts = [script for script in self.all() if is_data(script) is data]
        followed = {down for script in scripts for down in script._versioned_down_revisions}
        return [script for script in scripts if script.revision not in followed]

    def schema_head(self) -> Script | None:
        """The last migration of the schema; None where there is none. Raises BranchedMigrations."""
        heads = self.schema_heads()
        if len(heads) > 1:
            raise BranchedMigrations(
                f"Several migrations are the last one: "
                f"{', '.join(sorted(head.revision for head in heads))} (in {self.directory}).\n"
                f"  Join them:  trivium makemigrations --merge"
            )
        return heads[0] if heads else None

    def applied(self, heads: Collection[str]) -> set[str]:
        """The names of the migrations that a database which stands at these has gone through."""
        found: set[str] = set()
        to_visit = list(heads)
        with graph_errors():
            while to_visit:
                name = to_visit.pop()
                if name in found:
                    continue
                found.add(name)
                script = cast(Script, self.revision_map.get_revision(name))
                to_visit.extend(script._normalized_down_revisions)
        return found

    def next_number(self) -> int:
        """The number of the next file: one more than the largest."""
        numbers = [_NUMBER.match(script.revision) for script in self.all()]
        return max((int(found[1]) for found in numbers if found), default=0) + 1


def scripts_of(migrations: Migrations, heads: Collection[str] = ()) -> Scripts:
    """The files of a project, as a database that stands at `heads` needs them."""
    return Scripts(migrations.directory, heads)


def is_data(script: Script) -> bool:
    """Whether a migration changes rows and not the schema."""
    return inspect.iscoroutinefunction(getattr(script.module, "migrate", None))


def replaced_by(script: Script) -> tuple[str, ...]:
    """The migrations that a squashed one stands for, itself included."""
    return tuple(getattr(script.module, "replaces", ()))


@contextmanager
def told(path: Path) -> Iterator[None]:
    """An error in a file of a migration says which file it is."""
    try:
        yield
    except (RevisionError, CommandError) as error:
        raise MigrationError(f"{path}: {error}") from error
    except (Exception, SystemExit) as error:
        raise MigrationError(
            f"{path} cannot be imported: {type(error).__name__}: {error}"
        ) from error


@contextmanager
def graph_errors() -> Iterator[None]:
    """What Alembic says of the graph, as an error of ours."""
    try:
        with warnings.catch_warnings():
            # A migration that follows one that is not there: Alembic goes on until it stumbles.
            warnings.filterwarnings("error", "Revision .* referenced from", UserWarning)
            yield
    except (RevisionError, CommandError, UserWarning) as error:
        raise MigrationError(str(error)) from error


def _nothing() -> None:
    """In place of a function that a data migration does not have."""
