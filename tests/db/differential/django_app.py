"""What Django calls an application: it finds relations only between models of one."""

from __future__ import annotations

from pathlib import Path

from django.apps import AppConfig


class Flights(AppConfig):
    name = "tests.db.differential"
    label = "flights"
    path = str(Path(__file__).parent)
