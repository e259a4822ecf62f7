"""The compiled table: which route answers a path.

A tree of path segments. Following it costs as much as the path is deep, however many routes there
are and however deep their routers were nested; a path without parameters is found in one look-up.
Among several routes that match, the one declared first wins, as if they were tried in order.
"""

import math
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from starlette.convertors import (
    Convertor,
    FloatConvertor,
    IntegerConvertor,
    StringConvertor,
    UUIDConvertor,
)
from starlette.routing import BaseRoute

from trivium.exchange import Exchange
from trivium.routing.template import Template

__all__ = ["Entry", "Found", "Table"]

_WITHIN_SEGMENT = (StringConvertor, IntegerConvertor, FloatConvertor, UUIDConvertor)
_WHOLE_SEGMENT = re.compile(re.escape("(?P<") + r"_\d+>" + re.escape("[^/]+)"))

Matcher: TypeAlias = Callable[[str], re.Match[str] | None]


@dataclass(slots=True, eq=False)
class Entry:
    """A route in the table.

    ``methods`` is None where the route takes every method, ``template`` None where only the route
    itself can tell whether it matches. ``decides`` marks a route that must be asked (a mount, a
    host, a custom class); all others are decided by path and method.
    """

    order: int
    route: BaseRoute
    template: Template | None
    methods: frozenset[str] | None
    serve: Callable[[Exchange], Awaitable[None]]
    endpoint: Callable[..., Any] | None
    decides: bool = False

    def accepts(self, method: str) -> bool:
        return self.methods is None or method in self.methods

    def path_params(self, values: Sequence[str]) -> dict[str, Any] | None:
        """The values of the path by name; None where a convertor refuses one after all."""
        template = self.template
        if template is None or not template.names:
            return {}
        if template.is_plain:
            return dict(zip(template.names, values, strict=True))
        try:
            return {
                name: convertor.convert(value)
                for name, convertor, value in zip(
                    template.names, template.convertors, values, strict=True
                )
            }
        except ValueError:
            # an integer of thousands of digits matches [0-9]+ and yet Python does not read it
            return None

    @property
    def must_be_asked(self) -> bool:
        """Whether path and method alone do not decide."""
        return self.decides or self.methods is None


Found: TypeAlias = tuple[Entry, dict[str, Any]]
"""A route that answers, and the values of the path."""


class _Leaf:
    """The routes of one template shape, in order of declaration."""

    __slots__ = ("by_method", "entries", "first_to_ask")

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.by_method: dict[str, Entry] = {}
        self.first_to_ask: float = math.inf

    def add(self, entry: Entry) -> None:
        self.entries.append(entry)
        if entry.must_be_asked:
            self.first_to_ask = min(self.first_to_ask, entry.order)
            return
        for method in entry.methods or ():
            self.by_method.setdefault(method, entry)


# Says that there are several; never served.
_SEVERAL = _Leaf()


class _Node:
    """A place in the tree: what may follow here."""

    __slots__ = ("anything", "forks", "leaf", "patterns", "statics", "tails")

    def __init__(self) -> None:
        self.statics: dict[str, _Node] = {}
        self.anything: _Node | None = None
        self.forks = False
        """Whether more than the next segment as a whole decides the way from here."""
        self.patterns: dict[str, tuple[Matcher, tuple[str, ...], _Node]] = {}
        self.tails: dict[str, tuple[Matcher, tuple[str, ...], _Leaf]] = {}
        self.leaf: _Leaf | None = None


class Table:
    """All routes of one kind (HTTP or WebSocket), in order of declaration."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = entries
        self._root = _Node()
        self._undecided = [entry for entry in entries if entry.template is None]
        self._first_undecided: float = min((e.order for e in self._undecided), default=math.inf)
        for entry in entries:
            if entry.template is not None:
                self._insert(entry, entry.template)
        self._static: dict[str, dict[str, tuple[Entry, Sequence[str]]]] = {}
        for entry in entries:
            if entry.template is not None and not entry.template.names:
                self._settle(entry.template.path)

    def find(self, path: str, method: str) -> Found | None:
        """The first route that takes path and method, where the table alone can tell.

        None means "not found here", not "nowhere": ask ``candidates`` then.
        """
        settled = self._static.get(path)
        if settled is not None:
            choice = settled.get(method)
            if choice is None:
                return None
            return _found(*choice) if choice[1] else (choice[0], {})
        parts = path.split("/")
        values: Sequence[str]
        leaf, values = self._only_hit(parts)
        if leaf is not _SEVERAL:
            if leaf is None or (entry := leaf.by_method.get(method)) is None:
                return None
            if entry.order > leaf.first_to_ask or entry.order > self._first_undecided:
                return None
            return _found(entry, values)
        best: Entry | None = None
        best_values: Sequence[str] = ()
        first_to_ask = self._first_undecided
        for leaf, values in self._all_hits(parts):
            first_to_ask = min(first_to_ask, leaf.first_to_ask)
            entry = leaf.by_method.get(method)
            if entry is not None and (best is None or entry.order < best.order):
                best, best_values = entry, values
        if best is None or best.order > first_to_ask:
            return None
        return _found(best, best_values)

    def candidates(self, path: str) -> list[tuple[Entry, Sequence[str]]]:
        """Every route whose path matches, in order of declaration, whatever its methods."""
        found = [(entry, values) for leaf, values in self._hits(path) for entry in leaf.entries]
        found += [(entry, ()) for entry in self._undecided]
        found.sort(key=lambda candidate: candidate[0].order)
        return found

    def _settle(self, path: str) -> None:
        """Works out once what answers a path without parameters."""
        if path in self._static:
            return
        settled: dict[str, tuple[Entry, Sequence[str]]] = {}
        for entry, values in self.candidates(path):
            if entry.must_be_asked:
                break
            for method in entry.methods or ():
                settled.setdefault(method, (entry, values))
        self._static[path] = settled

    def _insert(self, entry: Entry, template: Template) -> None:
        node = self._root
        segments = list(_segments(template))
        for index, segment in enumerate(segments):
            if segment.is_tail:
                pattern = "/".join(part.pattern for part in segments[index:])
                names = tuple(name for part in segments[index:] for name in part.groups)
                if pattern not in node.tails:
                    node.tails[pattern] = (re.compile(pattern).fullmatch, names, _Leaf())
                    node.forks = True
                node.tails[pattern][2].add(entry)
                return
            node = _next(node, segment)
        if node.leaf is None:
            node.leaf = _Leaf()
        node.leaf.add(entry)

    def _hits(self, path: str) -> list[tuple[_Leaf, Sequence[str]]]:
        """The leaves that the path leads to, each with the values on the way."""
        parts = path.split("/")
        leaf, values = self._only_hit(parts)
        if leaf is _SEVERAL:
            return self._all_hits(parts)
        return [] if leaf is None else [(leaf, values)]

    def _only_hit(self, parts: list[str]) -> tuple[_Leaf | None, Sequence[str]]:
        """The one leaf that the path leads to, ``_SEVERAL`` where there is more than one way."""
        node = self._root
        values: list[str] = []
        for part in parts:
            following = node.statics.get(part)
            if following is None:
                if node.forks:
                    return _SEVERAL, ()
                following = node.anything
                if following is None or not part:
                    return None, ()
                values.append(part)
            elif node.forks or node.anything is not None:
                return _SEVERAL, ()
            node = following
        return (_SEVERAL if node.tails else node.leaf), values

    def _all_hits(self, parts: list[str]) -> list[tuple[_Leaf, Sequence[str]]]:
        """As ``_hits``, where there is more than one way to go."""
        hits: list[tuple[_Leaf, Sequence[str]]] = []
        last = len(parts)
        pending: list[tuple[_Node, int, tuple[str, ...]]] = [(self._root, 0, ())]
        while pending:
            node, index, values = pending.pop()
            if node.tails:
                rest = "/".join(parts[index:])
                for match, names, leaf in node.tails.values():
                    if index < last and (matched := match(rest)) is not None:
                        hits.append((leaf, values + tuple(map(matched.group, names))))
            if index == last:
                if node.leaf is not None:
                    hits.append((node.leaf, values))
                continue
            part = parts[index]
            following = node.statics.get(part)
            if following is not None:
                pending.append((following, index + 1, values))
            if node.anything is not None and part:
                pending.append((node.anything, index + 1, (*values, part)))
            for match, names, following in node.patterns.values():
                if (matched := match(part)) is not None:
                    taken = tuple(map(matched.group, names))
                    pending.append((following, index + 1, values + taken))
        return hits


@dataclass(frozen=True, slots=True)
class _Segment:
    """What stands between two slashes of a template; a tail may hold slashes itself."""

    pattern: str
    groups: tuple[str, ...]
    literal: str | None
    is_tail: bool


def _segments(template: Template) -> Iterator[_Segment]:
    # a group of its own name for each parameter, for a convertor's pattern may have groups too
    parts: list[list[str | tuple[str, Convertor[Any]]]] = [[]]
    for index, literal in enumerate(template.literals):
        first, *others = literal.split("/")
        parts[-1].append(first)
        parts.extend([other] for other in others)
        if index < len(template.convertors):
            parts[-1].append((f"_{index}", template.convertors[index]))
    for part in parts:
        yield _segment(part)


def _segment(part: list[str | tuple[str, Convertor[Any]]]) -> _Segment:
    if len(part) == 1 and isinstance(part[0], str):
        return _Segment(re.escape(part[0]), (), part[0], is_tail=False)
    parameters = [piece for piece in part if not isinstance(piece, str)]
    pattern = "".join(
        re.escape(piece) if isinstance(piece, str) else f"(?P<{piece[0]}>{piece[1].regex})"
        for piece in part
    )
    return _Segment(
        pattern,
        tuple(name for name, _ in parameters),
        None,
        is_tail=not all(type(convertor) in _WITHIN_SEGMENT for _, convertor in parameters),
    )


def _next(node: _Node, segment: _Segment) -> _Node:
    if segment.literal is not None:
        return node.statics.setdefault(segment.literal, _Node())
    if _WHOLE_SEGMENT.fullmatch(segment.pattern):
        if node.anything is None:
            node.anything = _Node()
        return node.anything
    if segment.pattern not in node.patterns:
        match = re.compile(segment.pattern).fullmatch
        node.patterns[segment.pattern] = (match, segment.groups, _Node())
        node.forks = True
    return node.patterns[segment.pattern][2]


def _found(entry: Entry, values: Sequence[str]) -> Found | None:
    if not values:
        return entry, {}
    path_params = entry.path_params(values)
    return None if path_params is None else (entry, path_params)
