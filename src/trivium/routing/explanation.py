"""The shape of an explanation: what a request to a route runs, as plain data that JSON can hold.

Numbers of steps count from 1. A key is added when there is more to tell; none changes its meaning.
"""

from typing import Any

from typing_extensions import TypedDict

__all__ = ["Body", "Call", "Explanation", "Place", "Reply", "Status", "Value"]


class Place(TypedDict):
    """A callable and where it is defined, as far as that is known."""

    name: str
    file: str | None
    line: int | None


class Value(TypedDict):
    """A value that is read from the request.

    place: path, query, header, cookie or body. keys: the names it is read by, first one preferred.
    fields: the keys of a model that stands for several values, else empty.
    """

    name: str
    place: str
    keys: list[str]
    type: str
    required: bool
    default: str | None
    constraints: list[str]
    fields: list[str]


class Call(TypedDict):
    """One call: a dependency, or, as the last one, the handler.

    parameter: the parameter that takes the result; None for a dependency that is only listed.
    call: async, sync, async generator or sync generator. runs_in: "event loop", "worker thread N"
    (steps of the same N share one visit), or "not called" where a value is reused.
    reuses: the step whose value is taken instead of a call. caches: whether later steps may.
    closed: when the generator is resumed after its yield.
    uses: parameters filled by earlier steps. given: parameters filled by Trivium itself.
    """

    step: int
    function: Place
    parameter: str | None
    call: str
    runs_in: str
    reuses: int | None
    caches: bool
    scope: str | None
    closed: str | None
    max_concurrency: int | None
    security: str | None
    oauth_scopes: list[str]
    uses: dict[str, int]
    given: dict[str, str]
    values: list[Value]


class Body(TypedDict):
    """How the body is read, once, before the first step. kind: json, form or None."""

    kind: str | None
    keys: bool
    strict_content_type: bool
    max_bytes: int | None
    form_limits: dict[str, int]


class Reply(TypedDict):
    """How the handler's result becomes a reply. A Response is always sent as it is."""

    status_code: int | None
    written_by: str
    response_class: str
    model: str | None
    validated: str
    options: dict[str, Any]


class Status(TypedDict):
    """A status code that this route can answer with, and when."""

    status_code: int | str
    when: str


class Explanation(TypedDict):
    """What a request runs. `around` are the middlewares, outermost first."""

    method: str
    path: str
    kind: str
    route: str
    mounted_at: str
    name: str | None
    tags: list[str]
    methods: list[str]
    path_params: dict[str, str]
    around: list[str]
    custom_handler: bool
    body: Body | None
    steps: list[Call]
    reply: Reply | None
    status_codes: list[Status]
