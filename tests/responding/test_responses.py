"""The response classes, and what becomes of the two deprecated ones."""

import sys

import fastapi.responses as reference
import pytest
import starlette.responses

from trivium.errors import DeclarationError, TriviumDeprecationWarning
from trivium.responding import responses
from trivium.responding.responses import ORJSONResponse, UJSONResponse

VALUE = {"a": [1, None, "ä"], "b": {"c": 1.5}}


@pytest.mark.parametrize(
    "name",
    [
        "FileResponse",
        "HTMLResponse",
        "JSONResponse",
        "PlainTextResponse",
        "RedirectResponse",
        "Response",
        "StreamingResponse",
    ],
)
def test_an_ordinary_response_class_is_starlettes(name):
    assert getattr(responses, name) is getattr(starlette.responses, name)


@pytest.mark.parametrize("name", ["ORJSONResponse", "UJSONResponse"])
def test_a_deprecated_class_warns_and_writes_what_fastapis_writes(name):
    pytest.importorskip(
        name.removesuffix("Response").lower(), reason="the optional writer itself is tested"
    )
    with pytest.warns(UserWarning, match=f"{name} is deprecated"):
        expected = getattr(reference, name)(VALUE)
    with pytest.warns(TriviumDeprecationWarning, match=f"{name} is deprecated") as warned:
        response = getattr(responses, name)(VALUE)
    assert response.body == expected.body
    assert response.raw_headers == expected.raw_headers
    assert warned[0].filename == __file__


def test_orjson_takes_keys_that_are_no_strings():
    pytest.importorskip("orjson", reason="the optional writer itself is tested")
    with pytest.warns(TriviumDeprecationWarning):
        assert ORJSONResponse({1: 1}).body == b'{"1":1}'


@pytest.mark.filterwarnings("ignore::trivium.errors.TriviumDeprecationWarning")
@pytest.mark.parametrize(
    ("response_class", "package"), [(ORJSONResponse, "orjson"), (UJSONResponse, "ujson")]
)
def test_a_missing_package_is_named_with_the_way_out(monkeypatch, response_class, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(DeclarationError) as raised:
        response_class(VALUE)
    assert f"{package}, which is not installed" in str(raised.value)
    assert "instead:  response_class=JSONResponse" in str(raised.value)


def test_a_package_that_is_not_installed_is_none():
    assert responses._installed("surely_not_installed_anywhere") is None
