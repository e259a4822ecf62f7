"""Mounted applications join the document of the application they are mounted in.

An application that has an OpenAPI document of its own says there what a client finds below its
mount. Its paths are prefixed with the mount's, and what it names (components, operation ids) is
renamed where the parent, or an earlier mount, gave the name to something else. The same program
gives the same names every time.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from itertools import count
from typing import Any

from starlette.convertors import FloatConvertor, IntegerConvertor, UUIDConvertor
from starlette.routing import Mount

from trivium.openapi.references import Renames
from trivium.routing import iter_route_contexts

__all__ = ["mounted_documents", "with_mounted"]


def with_mounted(document: dict[str, Any], routes: Iterable[Any]) -> dict[str, Any]:
    """``document`` joined by the documents of the applications that ``routes`` mount.

    An application has a document if it has an ``openapi()`` and an ``openapi_url``; one that keeps
    it to itself (``openapi_url=None``) is left out. What the parent says of a path and method
    stands. The ``info`` and ``servers`` of a mounted application are not taken over: here its
    paths are served by the parent's servers.

    Returns ``document`` itself where nothing is mounted; it is never changed.
    """
    mounts = list(_mounts(routes))
    if not mounts:
        return document
    joined = deepcopy(document)
    for mount in mounts:
        _Joining(joined, mount.app.openapi(), mount).join()
    return joined


def mounted_documents(routes: Iterable[Any]) -> list[dict[str, Any]]:
    """The documents that ``with_mounted`` joins, in its order.

    An application whose routes stay the same returns the same object each time, so a joined
    document may be kept as long as these are the ones it was made of.
    """
    return [mount.app.openapi() for mount in _mounts(routes)]


@dataclass
class _Mounted:
    """An application, and the path it is mounted at."""

    prefix: str
    """The path with ``{name}`` for each parameter, without a slash at its end."""
    parameters: list[dict[str, Any]]
    """The Parameter Objects of the prefix."""
    app: Any

    @classmethod
    def of(cls, route: Any) -> "_Mounted":
        """What the Mount of a route context mounts."""
        original = route.original_route
        prefix = re.sub(r"{(\w+):\w+}", r"{\1}", route.path.rstrip("/"))
        names = re.findall(r"{(\w+)}", prefix)
        parameters = [_parameter(name, route.param_convertors.get(name)) for name in names]
        # A Mount with middleware wraps the application, and keeps both.
        return cls(prefix, parameters, getattr(original, "_base_app", original.app))

    @property
    def documented(self) -> "Iterator[_Mounted]":
        """The application if it has a document; of a bare router, what it mounts in turn."""
        if callable(getattr(self.app, "openapi", None)):
            if getattr(self.app, "openapi_url", None):
                yield self
            return
        for inner in _mounts(getattr(self.app, "routes", None) or ()):
            yield _Mounted(
                self.prefix + inner.prefix, self.parameters + inner.parameters, inner.app
            )

    @property
    def label(self) -> str:
        """What its names are prefixed with where they clash."""
        return re.sub(r"[^A-Za-z0-9]+", "_", self.prefix).strip("_") or "mounted"


class _Joining:
    """One application's document on its way into its parent's."""

    def __init__(self, parent: dict[str, Any], own: Mapping[str, Any], mounted: _Mounted) -> None:
        self._parent = parent
        self._own = own
        self._mounted = mounted
        self._renames = Renames(
            operation_ids=self._operation_id_renames(), path_prefix=mounted.prefix
        )

    def join(self) -> None:
        """Adds all that the application's document says to the parent's."""
        self._rename_components()
        self._add_components()
        for path, item in self._own.get("paths", {}).items():
            if path.startswith("/"):
                self._add_path(self._mounted.prefix + path, self._renames.rewritten(item))
        for name, item in self._own.get("webhooks", {}).items():
            hooks = self._parent.setdefault("webhooks", {})
            hooks.setdefault(name, self._renames.rewritten(item))
        known = {tag["name"] for tag in self._parent.get("tags", ())}
        if tags := [tag for tag in self._own.get("tags", ()) if tag["name"] not in known]:
            self._parent["tags"] = [*self._parent.get("tags", ()), *deepcopy(tags)]

    def _operation_id_renames(self) -> dict[str, str]:
        taken = set(_operation_ids(self._parent))
        own = list(dict.fromkeys(_operation_ids(self._own)))
        free = _FreeNames(self._mounted.label, taken.union(own))
        return {name: free.name_for(name) for name in own if name in taken}

    def _rename_components(self) -> None:
        # A component equal to the parent's is shared. One that refers to a renamed component is
        # equal no longer, so the search goes on until it finds nothing.
        renames = self._renames.components
        pending = [
            (section, name)
            for section, members in self._own.get("components", {}).items()
            for name in members
            if name in self._parent.get("components", {}).get(section, {})
        ]
        free = {section: self._free_names(section) for section, _ in pending}
        searching = True
        while searching:
            clashing = [key for key in pending if key not in renames and self._differs(*key)]
            renames |= {(section, name): free[section].name_for(name) for section, name in clashing}
            searching = bool(clashing)

    def _free_names(self, section: str) -> "_FreeNames":
        own = self._own["components"][section]
        return _FreeNames(self._mounted.label, {*own, *self._parent["components"][section]})

    def _differs(self, section: str, name: str) -> bool:
        own = self._own["components"][section][name]
        return bool(self._renames.rewritten(own) != self._parent["components"][section][name])

    def _add_components(self) -> None:
        for section, members in self._own.get("components", {}).items():
            present = self._parent.setdefault("components", {}).setdefault(section, {})
            for name, component in members.items():
                new_name = self._renames.components.get((section, name), name)
                present.setdefault(new_name, self._renames.rewritten(component))
            ordered = sorted(present) if section == "schemas" else present
            self._parent["components"][section] = {name: present[name] for name in ordered}

    def _add_path(self, path: str, item: dict[str, Any]) -> None:
        if self._mounted.parameters:
            item["parameters"] = [*self._mounted.parameters, *item.get("parameters", ())]
        if security := self._renames.rewritten({"security": self._own.get("security")})["security"]:
            # Said once for the whole of its own document; in the parent's it is each operation's.
            for key, operation in item.items():
                if key in _METHODS:
                    operation.setdefault("security", security)
        present = self._parent.setdefault("paths", {}).get(path, {})
        self._parent["paths"][path] = {**item, **present}


_METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})


class _FreeNames:
    """Names that are prefixed with ``label`` and that nothing else has."""

    def __init__(self, label: str, taken: set[str]) -> None:
        self._label = label
        self._taken = taken

    def name_for(self, name: str) -> str:
        """A free name that reads like ``name``; taken from now on."""
        candidates = (f"{self._label}_{name}{suffix}" for suffix in _suffixes())
        free = next(candidate for candidate in candidates if candidate not in self._taken)
        self._taken.add(free)
        return free


def _suffixes() -> Iterator[str]:
    yield ""
    for number in count(2):
        yield f"_{number}"


def _mounts(routes: Iterable[Any]) -> Iterator[_Mounted]:
    for context in iter_route_contexts(list(routes)):
        if isinstance(context.original_route, Mount):
            yield from _Mounted.of(context).documented


def _parameter(name: str, convertor: Any) -> dict[str, Any]:
    kinds: list[tuple[type, dict[str, Any]]] = [
        (IntegerConvertor, {"type": "integer"}),
        (FloatConvertor, {"type": "number"}),
        (UUIDConvertor, {"type": "string", "format": "uuid"}),
    ]
    schema = next((said for kind, said in kinds if isinstance(convertor, kind)), {"type": "string"})
    title = name.replace("_", " ").title()
    return {"name": name, "in": "path", "required": True, "schema": {**schema, "title": title}}


def _operation_ids(document: Mapping[str, Any]) -> Iterator[str]:
    for section in ("paths", "webhooks"):
        for item in document.get(section, {}).values():
            yield from _operation_ids_of_item(item)


def _operation_ids_of_item(item: Any) -> Iterator[str]:
    # Between the paths, and between the methods, an extension may hold anything.
    operations = item.items() if isinstance(item, dict) else ()
    for operation in (operation for method, operation in operations if method in _METHODS):
        if "operationId" in operation:
            yield operation["operationId"]
        for callback in operation.get("callbacks", {}).values():
            for inner in callback.values():
                yield from _operation_ids_of_item(inner)
