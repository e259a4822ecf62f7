"""JSON bodies are declared, parsed and validated as FastAPI does."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from .calls import calls_for, json_bodies
from .case import Case
from .kinds import Kind, flat_kinds
from .models import bodies, body_models, discriminated
from .profiles import fuzz
from .program import Function, Param, Program, Route
from .signatures import params, signatures

EMBED = ("embed=True", "embed=False")
MEDIA = ("media_type='application/vnd.api+json'", "media_type='text/plain'")


@st.composite
def body_params(draw: st.DrawFn, name: str, kinds: st.SearchStrategy[Kind] = bodies) -> Param:
    """A body parameter, declared by Body() or by its annotation alone."""
    if draw(st.booleans()):
        kind = draw(kinds)
        return Param(name, kind, "plain", "plain", draw(st.sampled_from([None, None, "None"])))
    param = draw(params(name, "body", kinds))
    options = [*param.options]
    if draw(st.integers(0, 3)) == 3:
        options.append(draw(st.sampled_from(EMBED)))
    if draw(st.integers(0, 5)) == 5:
        options.append(draw(st.sampled_from(MEDIA)))
    return Param(name, param.kind, "body", param.style, param.default, tuple(options), param.keys)


def payloads(declared: tuple[Param, ...]) -> st.SearchStrategy[Any]:
    """What a client sends for some body parameters: the bare value, or an object of them."""

    def objects(keys: tuple[str, ...]) -> st.SearchStrategy[Any]:
        values = {key: param.kind.values for key, param in zip(keys, declared, strict=True)}
        return st.fixed_dictionaries(values)

    keyed = st.tuples(*(st.sampled_from(param.wire_names) for param in declared)).flatmap(objects)
    if len(declared) == 1:
        return st.one_of(declared[0].kind.values, keyed)
    return keyed


@st.composite
def body_cases(
    draw: st.DrawFn,
    declared: st.SearchStrategy[tuple[Param, ...]],
    others: st.SearchStrategy[tuple[Param, ...]] = st.just(()),
    app: str = "FastAPI()",
    options: tuple[str, ...] = (),
) -> Case:
    """A handler with body parameters, and others, and calls that carry a body."""
    inside = draw(declared)
    beside = draw(others)
    method = draw(st.sampled_from(["post", "post", "put", "patch", "delete", "get"]))
    function = Function("handler", inside + beside, asynchronous=draw(st.booleans()))
    calls = []
    for _ in range(draw(st.integers(1, 4))):
        headers, body = draw(json_bodies(payloads(inside)))
        calls.append(draw(calls_for(beside, method=method.upper(), headers=headers, body=body)))
    route = Route(function, "/", method, options)
    program = Program((route,), app, stringified=draw(st.integers(0, 5)) == 5)
    return Case(program, tuple(calls))


def some(kinds: st.SearchStrategy[Kind], at_most: int) -> st.SearchStrategy[tuple[Param, ...]]:
    """Up to `at_most` body parameters with distinct names."""
    names = st.permutations(["item", "user", "note"])
    return st.integers(1, at_most).flatmap(
        lambda count: names.flatmap(
            lambda drawn: st.tuples(*(body_params(name, kinds) for name in drawn[:count]))
        )
    )


@fuzz(110)
@given(case=body_cases(some(bodies, 1)))
def test_a_single_body_binds_or_fails_alike(case: Case) -> None:
    """Models, dataclasses, TypedDicts, containers, unions and root models as the whole body."""
    case.check()


@fuzz(60)
@given(case=body_cases(some(bodies, 3)))
def test_several_bodies_bind_or_fail_alike(case: Case) -> None:
    """Several body parameters share one object; an embedded one is looked up by its key."""
    case.check()


@fuzz(60)
@given(case=body_cases(some(discriminated(), 1)))
def test_discriminated_unions_choose_alike(case: Case) -> None:
    """A literal field tells which model a body is."""
    case.check()


@fuzz(40)
@given(case=body_cases(some(body_models(), 1), signatures(("query", "header", "cookie"))))
def test_errors_of_a_body_and_of_other_parameters_come_together_alike(case: Case) -> None:
    """All that is wrong with a request is reported at once, in one order."""
    case.check()


@fuzz(40)
@given(case=body_cases(some(bodies, 1), app="FastAPI(strict_content_type=False)"))
def test_a_body_without_a_content_type_is_read_alike_when_allowed(case: Case) -> None:
    """With `strict_content_type=False` a body without a content type is JSON."""
    case.check()


@fuzz(40)
@given(
    case=st.sampled_from([0, 1, 10, 60]).flatmap(
        lambda limit: body_cases(
            some(bodies, 1), app="FastAPI(max_body_size=40)", options=(f"max_body_size={limit}",)
        )
    )
)
def test_a_body_beyond_its_limit_is_refused_alike(case: Case) -> None:
    """`max_body_size` counts what is declared and what arrives."""
    case.check()


@fuzz(30)
@given(case=body_cases(some(flat_kinds, 2)))
def test_flat_values_in_a_body_bind_alike(case: Case) -> None:
    """Scalars and sequences of them, declared with Body()."""
    case.check()
