"""The databases of ``tests.db.flight_data``, as fixtures."""

from __future__ import annotations

from tests.db.flight_data import changing, filled, flights, flights_url

__all__ = ["changing", "filled", "flights", "flights_url"]
