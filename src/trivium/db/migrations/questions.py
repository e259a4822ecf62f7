"""What a change of the models leaves open, and who answers."""

from __future__ import annotations

from typing import Protocol

from trivium.db.migrations.errors import AnswerNeeded


class Questions(Protocol):
    """Answers what the models do not say."""

    def is_renamed_table(self, old: str, new: str) -> bool:
        """Whether the table ``old`` is called ``new`` now; else it is dropped, with its rows."""
        ...

    def is_renamed_column(self, table: str, old: str, new: str) -> bool:
        """Whether a column is called ``new`` now; else it is dropped, with its values."""
        ...

    def value_for_rows(self, table: str, column: str, kind: str) -> str:
        """The value, as SQL, that the rows there are get in a column that needs one."""
        ...


class NobodyAsked:
    """For a program: nothing was renamed, and a value that is needed is an error."""

    def is_renamed_table(self, old: str, new: str) -> bool:
        return False

    def is_renamed_column(self, table: str, old: str, new: str) -> bool:
        return False

    def value_for_rows(self, table: str, column: str, kind: str) -> str:
        raise AnswerNeeded(
            f"{table}.{column} is NOT NULL and has no default, so the rows there are would have "
            f"no value in it.\n"
            f"  Give it one of these:  default=..., server_default=..., or nullable=True\n"
            f"  Or answer the question, in a terminal:  trivium makemigrations"
        )


class AllYes(NobodyAsked):
    """Everything that may have been renamed was."""

    def is_renamed_table(self, old: str, new: str) -> bool:
        return True

    def is_renamed_column(self, table: str, old: str, new: str) -> bool:
        return True
