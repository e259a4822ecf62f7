"""Forms and files are declared, parsed and validated as FastAPI does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .calls import calls_for
from .case import Case
from .compare import assert_same
from .driver import Call
from .kinds import Kind, flat_kinds, optional
from .models import discriminated, models
from .multipart import BOUNDARY, Part, form_bodies, multipart
from .profiles import fuzz
from .program import Function, Param, Program, Route
from .signatures import signatures

_nothing = st.just(("x",))
FILES = (
    *("UploadFile", "bytes", "list[UploadFile]", "list[bytes]", "UploadFile | None"),
    *("bytes | None", "list[UploadFile] | None", "list[bytes] | None", "tuple[bytes, ...]"),
    *("set[bytes]", "str", "UploadFile | str"),
)
file_kinds = st.sampled_from(FILES).map(lambda text: Kind(text, _nothing, st.just("x")))

flat_models = models(flat=True)


def _two(one: Kind, other: Kind) -> Kind:
    return Kind(
        f"Union[{one.annotation}, {other.annotation}]",
        one.texts,
        one.values,
        sources=one.sources + other.sources,
        parts=one.parts + other.parts,
    )


form_models = st.one_of(
    flat_models,
    flat_models.map(optional),
    st.builds(_two, flat_models, flat_models),
    st.builds(_two, flat_models, flat_models).map(optional),
    discriminated(flat=True),
)


@st.composite
def form_cases(
    draw: st.DrawFn,
    signature: st.SearchStrategy[tuple[Param, ...]],
    *,
    files: bool = False,
    damage: bool = False,
    app: str = "FastAPI()",
) -> Case:
    """A handler with form parameters, and calls that carry a form."""
    declared = draw(signature)
    if files:
        kinds = draw(st.lists(file_kinds, min_size=1, max_size=2))
        for index, kind in enumerate(kinds):
            style = draw(st.sampled_from(["annotated", "default", "plain"]))
            place = "plain" if style == "plain" and "UploadFile" in kind.annotation else "file"
            style = "plain" if place == "plain" else style.replace("plain", "annotated")
            default = draw(st.sampled_from([None, None, "None"]))
            declared += (Param(f"f{index}", kind, place, style, default),)
    wire = tuple(
        Param(param.name, param.kind, "file", keys=param.keys)
        if param.name.startswith("f") and param.name[1:].isdigit()
        else param
        for param in declared
    )
    function = Function("handler", declared, asynchronous=draw(st.booleans()))
    calls = []
    for _ in range(draw(st.integers(1, 4))):
        headers, body = draw(form_bodies(wire, damage=damage))
        calls.append(draw(calls_for((), method="POST", headers=headers, body=body)))
    return Case(Program((Route(function, "/", "post"),), app), tuple(calls))


fields = signatures(("form",), flat_kinds)


@fuzz(90)
@given(case=form_cases(fields))
def test_form_fields_bind_or_fail_alike(case: Case) -> None:
    """Fields of every flat type, urlencoded or multipart: missing, empty, repeated or wrong."""
    case.check()


@fuzz(60)
@given(case=form_cases(signatures(("form",), flat_kinds, min_size=0, max_size=2), files=True))
def test_files_bind_or_fail_alike(case: Case) -> None:
    """Uploads as UploadFile and as bytes, single and repeated, beside fields."""
    case.check()


@fuzz(90)
@given(case=form_cases(signatures(("form",), form_models, max_size=1)))
def test_form_models_bind_or_fail_alike(case: Case) -> None:
    """Models, optional models and unions of models as a form."""
    case.check()


@fuzz(40)
@given(case=form_cases(signatures(("form",), st.one_of(form_models, flat_kinds), min_size=2)))
def test_several_form_models_share_a_form_alike(case: Case) -> None:
    """Several models and single fields read from one form."""
    case.check()


@fuzz(80)
@given(case=form_cases(signatures(("form",), flat_kinds, max_size=2), damage=True, files=True))
def test_malformed_multipart_bodies_are_refused_alike(case: Case) -> None:
    """Bodies with a broken boundary, header, disposition or end."""
    case.check()


@fuzz(40)
@given(case=form_cases(fields, damage=True))
def test_malformed_urlencoded_bodies_are_read_alike(case: Case) -> None:
    """Any bytes where a urlencoded form is due."""
    case.check()


LIMITS = ("max_fields", "max_files", "max_part_size")


@fuzz(40)
@given(
    case=st.tuples(st.sampled_from(LIMITS), st.integers(0, 4)).flatmap(
        lambda limit: form_cases(
            signatures(("form",), flat_kinds, max_size=2),
            files=True,
            app=f"FastAPI(form_limits={{{limit[0]!r}: {limit[1]}}})",
        )
    )
)
def test_form_limits_are_kept_alike(case: Case) -> None:
    """Too many fields, too many files, too large a field."""
    case.check()


UPLOADS = """app = FastAPI()

@app.exception_handler(RequestValidationError)
async def invalid(request, error):
    return JSONResponse(show(await error.body["upload"].read()), 400)

@app.exception_handler(LookupError)
async def missing(request, error):
    return JSONResponse(show(await error.args[0].read()), 404)

def kept(upload: UploadFile):
    yield upload
    TRACE.append(show(upload.file.read()))

@app.post("/invalid")
async def takes_a_number(upload: UploadFile, n: Annotated[int, Form()]):
    pass

@app.post("/raises")
async def raises(upload: UploadFile):
    raise LookupError(upload)

@app.post("/streams")
async def streams(upload: UploadFile):
    async def pieces():
        yield await upload.read()
    return StreamingResponse(pieces())

@app.post("/later")
async def reads_later(upload: UploadFile, tasks: BackgroundTasks):
    async def read():
        TRACE.append(show(await upload.read()))
    tasks.add_task(read)

@app.post("/depends")
async def depends(upload: Annotated[Any, Depends(kept)]):
    return show(await upload.read())
"""


@pytest.mark.parametrize("path", [b"/invalid", b"/raises", b"/streams", b"/later", b"/depends"])
def test_an_upload_can_be_read_to_the_same_point(path: bytes) -> None:
    """By handlers of errors, by streams, by background tasks and by dependencies that end."""
    body = multipart([Part("upload", b"content", "f.txt")])
    header = (b"content-type", b"multipart/form-data; boundary=" + BOUNDARY)
    assert_same(UPLOADS, [Call("POST", path, headers=(header,), body=(body,))])
