"""One expression, asked of both sides: the names mean Django's classes here, Trivium's there."""

from __future__ import annotations

import enum
import inspect
from collections.abc import Mapping
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from django.db import models as dj
from django.db.models import functions as dj_functions

import trivium.db as ours
from tests.db import flight_models, rule_models
from tests.db.differential import django_models
from trivium.db.queries import functions as our_functions

MODELS = ("Alliance", "Airline", "Airport", "Plane", "Tag", "Flight", "Note")
RULES = ("Region", "Truck", "Depot", "Driver", "Badge", "Key", "Lock")
EXPRESSIONS = ("Q", "F", "Value", "Case", "When", "Exists", "OuterRef", "Subquery", "Prefetch")
AGGREGATES = ("Count", "Sum", "Avg", "Min", "Max", "StdDev", "Variance")


class _Theirs(SimpleNamespace):
    """A model of Django's on one database, which makes instances as its class does."""

    def __init__(self, model: Any, alias: str) -> None:
        super().__init__(objects=model._default_manager.using(alias), model=model)

    def __call__(self, **values: Any) -> Any:
        made = self.model(**values)
        made._state.db = self.objects.db
        return made


def names_of(kind: str, alias: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The names of both sides, for ``eval``."""
    django: dict[str, Any] = {}
    trivium: dict[str, Any] = {}
    for name in (*MODELS, *RULES):
        model = getattr(django_models, name)
        django[name] = _Theirs(model, alias)
        trivium[name] = getattr(flight_models if name in MODELS else rule_models, name)
    for name in (*EXPRESSIONS, *AGGREGATES):
        django[name], trivium[name] = getattr(dj, name), getattr(ours, name)
    for name in our_functions.__all__:
        if hasattr(dj_functions, name):
            django[name] = getattr(dj_functions, name)
            trivium[name] = getattr(our_functions, name)
    django["Window"], trivium["Window"] = dj.Window, ours.Window
    for name in ("RowNumber", "Rank", "DenseRank", "Lag", "Lead", "FirstValue", "Ntile"):
        django[name], trivium[name] = getattr(dj_functions, name), getattr(ours, name)
    from datetime import UTC, date, datetime, time

    for side in (django, trivium):
        side.update(date=date, datetime=datetime, time=time, UTC=UTC)
    return django, trivium


def plain(value: Any) -> Any:
    """A result in a form that both sides can be compared in."""
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Decimal | float):
        return round(float(value), 6)
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if type(value).__name__ in (*MODELS, *RULES):
        return f"{type(value).__name__} {value.pk}"
    return value


def of_django(text: str, names: dict[str, Any]) -> Any:
    found = eval(text, names)
    return plain(list(found) if isinstance(found, dj.QuerySet) else found)


async def of_trivium(text: str, names: dict[str, Any]) -> Any:
    found = eval(text, names)
    return plain(await found if inspect.isawaitable(found) else found)


def unordered(found: Any) -> Any:
    return sorted(found, key=repr) if isinstance(found, list) else found
