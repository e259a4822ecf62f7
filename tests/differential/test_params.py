"""Path, query, header and cookie parameters are declared and read as FastAPI does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from .calls import Headers, calls_for
from .case import Case, handler_cases
from .driver import Call
from .kinds import flat_kinds, optional, scalars, sequences
from .models import models
from .profiles import fuzz
from .program import Function, Param, Program, Route
from .signatures import params, signatures

flat_models = models(flat=True)
declared_models = st.one_of(flat_models, flat_models.map(optional))


@fuzz(110)
@given(case=handler_cases(signatures()))
def test_parameters_of_many_types_bind_or_fail_alike(case: Case) -> None:
    """Whatever is declared in a query, a header or a cookie, and whatever is sent for it."""
    case.check()


@fuzz(60)
@given(case=handler_cases(signatures(("query", "header", "cookie"), scalars, max_size=1), calls=6))
def test_one_scalar_parameter_converts_every_text_alike(case: Case) -> None:
    """A single value of a single type, tried with more texts."""
    case.check()


@fuzz(60)
@given(
    case=handler_cases(
        signatures(
            ("query", "query", "header", "cookie"), st.one_of(sequences, sequences.map(optional))
        )
    )
)
def test_repeated_parameters_collect_their_values_alike(case: Case) -> None:
    """Lists, sets and tuples in a query or in headers, with none, one or several values."""
    case.check()


@fuzz(60)
@given(case=handler_cases(signatures(("path", "path", "query"))))
def test_path_parameters_convert_alike(case: Case) -> None:
    """Segments of every type, percent-encoded in every way."""
    case.check()


@st.composite
def convertor_cases(draw: st.DrawFn) -> Case:
    declared = tuple(
        Param(f"p{index}", kind, "path", converter=convertor)
        for index, (kind, convertor) in enumerate(
            draw(
                st.lists(
                    st.tuples(
                        scalars, st.sampled_from(["", "int", "float", "uuid", "path", "str"])
                    ),
                    min_size=1,
                    max_size=2,
                )
            )
        )
    )
    path = "/x" + "".join(
        f"/{{{param.name}{':' * bool(param.converter)}{param.converter}}}" for param in declared
    )
    path += draw(st.sampled_from(["", "/end", ".json"]))
    route = Route(Function("handler", declared), path)
    fixed = st.sampled_from(
        [b"/x/1", b"/x/1.5", b"/x/a/b/c", b"/x//", b"/x/-1", b"/x/1/2", b"/x/1/a/end", b"/x/a.json"]
    )
    calls = st.one_of(calls_for(declared, path=path), fixed.map(lambda raw: Call(path=raw)))
    return Case(Program((route,)), tuple(draw(st.lists(calls, min_size=1, max_size=5))))


@fuzz(40)
@given(case=convertor_cases())
def test_path_convertors_match_alike(case: Case) -> None:
    """`{x:int}`, `{x:path}` and their sisters, before the annotation has its say."""
    case.check()


@fuzz(110)
@given(case=handler_cases(signatures(("query", "header", "cookie"), declared_models, max_size=2)))
def test_models_of_parameters_bind_or_fail_alike(case: Case) -> None:
    """Pydantic models as Query, Header and Cookie: aliases, extra keys, several of one kind."""
    case.check()


@fuzz(40)
@given(
    case=handler_cases(
        signatures(("query", "header"), st.one_of(flat_kinds, flat_models), min_size=2, max_size=4)
    )
)
def test_models_mix_with_plain_parameters_alike(case: Case) -> None:
    """A model beside single parameters in the same place."""
    case.check()


raw_headers: st.SearchStrategy[Headers] = st.lists(
    st.tuples(
        st.sampled_from([b"x-token", b"x_token", b"cookie", b"accept", b"host", b"user-agent"]),
        st.binary(max_size=12).map(lambda raw: raw.translate(None, b"\r\n\x00")),
    ),
    max_size=4,
).map(tuple)


@st.composite
def raw_cases(draw: st.DrawFn) -> Case:
    declared = (
        draw(params("q", "query", flat_kinds)),
        draw(params("x_token", "header", flat_kinds)),
        draw(params("c", "cookie", scalars)),
    )
    queries = st.lists(
        st.sampled_from([b"q", b"=", b"&", b"q=", b"%", b"%C3%A9", b"%ED%A0%80", b";", b"+", b"1"]),
        max_size=6,
    ).map(b"".join)
    calls = st.builds(
        lambda query, headers: Call(query=query, headers=headers),
        st.one_of(queries, st.binary(max_size=8)),
        raw_headers,
    )
    route = Route(Function("handler", declared))
    return Case(Program((route,)), tuple(draw(st.lists(calls, min_size=1, max_size=5))))


@fuzz(60)
@given(case=raw_cases())
def test_any_bytes_in_a_query_or_a_header_are_read_alike(case: Case) -> None:
    """Queries, headers and cookies that no well-behaved client sends."""
    case.check()
