"""What stops a migration.

MigrationError                what was asked cannot be done; the message names the fix
├── NoSuchMigration           a name that no file, or several, begin with
├── BranchedMigrations        several migrations are the last one
├── NotMigrated               the database is behind the files, or ahead of them
├── NotReversible             a migration that cannot be undone
├── AnswerNeeded              a question that nobody can be asked
├── MigrationLocked           another process migrates, and took longer than was waited for
├── MigrationFailed           a migration raised; ``__cause__`` is that error
└── ReferencesBroken          rows would refer to rows that are gone (SQLite)
"""

from trivium.errors import TriviumError


class MigrationError(TriviumError):
    """What was asked of the migrations cannot be done. The message names the fix."""


class NoSuchMigration(MigrationError):
    """A name that no migration, or more than one, begins with."""


class BranchedMigrations(MigrationError):
    """Several migrations are the last one: two people added one after the same."""


class NotMigrated(MigrationError):
    """The database does not stand where the files of the migrations end."""


class NotReversible(MigrationError):
    """A migration that says it cannot be undone."""


class AnswerNeeded(MigrationError):
    """A change of the models leaves a question open, and nobody can be asked."""


class MigrationLocked(MigrationError):
    """Another process is migrating this database, and was waited for in vain."""


class MigrationFailed(MigrationError):
    """A migration raised an error, which is ``__cause__``. The message says what is left of it."""


class ReferencesBroken(MigrationError):
    """After a migration some rows refer to rows that are not there. It was rolled back."""
