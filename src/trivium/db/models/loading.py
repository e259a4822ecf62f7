"""Relations and columns that a query did not load: an error that names the fix, no hidden query.

SQLAlchemy looks up what loads a relation by its ``lazy`` option. Trivium adds one, ``"explicit"``,
which is what the relations of a ``Model`` get when they say nothing.
"""

from __future__ import annotations

from typing import Any, NoReturn

from sqlalchemy.orm import RelationshipProperty
from sqlalchemy.orm.properties import ColumnProperty

# The classes behind `lazy="raise"` and `defer(raiseload=True)`. Their names are private, and the
# error is all that is changed: the tests of what is not loaded fail where a release changes them.
from sqlalchemy.orm.strategies import _DeferredColumnLoader, _LazyLoader

from trivium.db.errors import NotLoaded

__all__ = ["EXPLICIT", "make_explicit"]

EXPLICIT = "explicit"


@RelationshipProperty.strategy_for(lazy=EXPLICIT)
class ExplicitRelation(_LazyLoader):
    """Loads nothing by itself."""

    __slots__ = ()

    def __init__(self, parent: Any, strategy_key: Any) -> None:
        super().__init__(parent, strategy_key)
        self._raise_always = True

    def _invoke_raise_load(self, state: Any, passive: Any, lazy: Any) -> NoReturn:
        verb = "prefetch_related" if self.uselist else "select_related"
        raise NotLoaded(
            f"{state.class_.__name__}.{self.key} was not loaded, and nothing is loaded unasked.\n"
            f"  With the query:  .{verb}({self.key!r})\n"
            f"  For this object: await obj.fetch({self.key!r})"
        )


@ColumnProperty.strategy_for(deferred=True, instrument=True, raiseload=True)
class ExplicitColumn(_DeferredColumnLoader):
    """A column that ``only()`` or ``defer()`` left out."""

    __slots__ = ()

    def _invoke_raise_load(self, state: Any, passive: Any, lazy: Any) -> NoReturn:
        raise NotLoaded(
            f"{state.class_.__name__}.{self.key} was left out by only() or defer().\n"
            f"  With the query:  .only(..., {self.key!r})\n"
            f"  For this object: await obj.refresh({self.key!r})"
        )


def make_explicit(relation: RelationshipProperty[Any]) -> None:
    """Makes a relation that says nothing of its loading one that is loaded on demand only.

    What the database deletes or sets to NULL by itself is left to it, too: SQLAlchemy would
    otherwise load every row on the other side first.
    """
    if relation.lazy == "select":
        relation.lazy = EXPLICIT  # type: ignore[assignment]  # the strategy registered above
        relation.strategy_key = (("lazy", EXPLICIT),)
    deletes = relation.cascade.delete or relation.cascade.delete_orphan
    between = relation._init_args.secondary.argument
    if relation.passive_deletes is False and between is None and not deletes:
        relation.passive_deletes = "all"
