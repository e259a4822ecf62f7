"""Values of single fields out of what a request holds, for code that resolves parameters itself.

A plan does the same with readers that are compiled once; here they are made for each call.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from starlette.datastructures import FormData

from trivium.binding.annotations import sequence_constructor
from trivium.binding.body import body_arguments, form_arguments
from trivium.binding.fields import Field
from trivium.binding.params import ParamTypes
from trivium.binding.picking import Errors
from trivium.binding.values import reader_of
from trivium.exchange import Exchange

__all__ = ["request_body_to_args", "request_params_to_args", "serialize_sequence_value"]


def request_params_to_args(
    fields: Sequence[Field], received_params: Mapping[str, Any]
) -> tuple[dict[str, Any], Errors]:
    """The arguments of fields of one place, and the errors.

    received_params: the path parameters, the query, the headers or the cookies.
    """
    arguments: dict[str, Any] = {}
    errors: Errors = []
    received = cast(Exchange, _Received(received_params))
    for field in fields:
        place = cast(ParamTypes, getattr(field.field_info, "in_", ParamTypes.query))
        errors += reader_of(field, place)(received, arguments) or ()
    return arguments, errors


async def request_body_to_args(
    body_fields: Sequence[Field], received_body: Any, embed_body_fields: bool
) -> tuple[dict[str, Any], Errors]:
    """The arguments of fields of the body, and the errors.

    received_body: a FormData, parsed JSON, bytes, or None where there was no body.
    """
    arguments: dict[str, Any] = {}
    if isinstance(received_body, FormData):
        take_form = form_arguments(body_fields, embed_body_fields)
        return arguments, await take_form(received_body, arguments) or []
    take = body_arguments(body_fields, embed_body_fields)
    return arguments, take(received_body, arguments) or []


def serialize_sequence_value(*, field: Field, value: Any) -> Any:
    """The items of ``value`` as the kind of sequence that the field is declared as."""
    return sequence_constructor(field.field_info.annotation)(value)


class _Received:
    """As much of an exchange as readers look at, for one place."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.path_params = self.query = self.cookies = values
        self.query_params = self.headers = values

    @property
    def connection(self) -> "_Received":
        return self

    def header(self, name: bytes) -> Any:
        return self.headers.get(name.decode("latin-1"))
