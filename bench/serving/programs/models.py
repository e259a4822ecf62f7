"""The body of `/orders` and its reply, for all whose models are Pydantic's."""

from pydantic import BaseModel


class Line(BaseModel):
    sku: str
    quantity: int
    price: float


class OrderIn(BaseModel):
    customer: str
    lines: list[Line]
    note: str | None = None


class OrderOut(BaseModel):
    id: int
    customer: str
    lines: list[Line]
    total: float
