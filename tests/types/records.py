# pyright: reportUnnecessaryTypeIgnoreComment=true
"""Structs and attrs classes keep their types, marked or not."""

from typing import Annotated, assert_type

import attrs
import msgspec
from pydantic import BaseModel

from trivium import App
from trivium.binding.foreign import Foreign

app = App()


class Leg(msgspec.Struct):
    number: int


@attrs.define
class Plane:
    tail: str


class Hangar(BaseModel):
    leg: Annotated[Leg, Foreign()]
    planes: list[Annotated[Plane, Foreign()]] = []


@app.post("/")
async def read(leg: Leg, plane: Plane | None = None) -> list[Leg]:
    assert_type(leg.number, int)
    return [leg]


def what_checkers_see(hangar: Hangar) -> None:
    """A mark changes nothing."""
    assert_type(hangar.leg, Leg)
    assert_type(hangar.planes, list[Plane])


def mistakes(hangar: Hangar) -> None:
    """What both checkers find."""
    hangar.leg = "UA 1545"  # type: ignore[assignment]  # a leg is no text
