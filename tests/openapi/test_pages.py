"""The pages as FastAPI makes them: its signatures, its defaults, and nothing left unescaped."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import fastapi.openapi.docs as real
import pytest

from trivium.openapi import pages

FUNCTIONS = ["get_swagger_ui_html", "get_redoc_html", "get_swagger_ui_oauth2_redirect_html"]
NASTY = "</title></script><script>alert(1)</script>\"'&<img src=x onerror=alert(1)>"


class Page(HTMLParser):
    """The elements of a page: each tag with its attributes, and the text of each script."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open = tag

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        self.texts.setdefault(self._open, []).append(data)

    def attributes(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def html_of(response: Any) -> str:
    return bytes(response.body).decode()


def swagger_ui(**options: Any) -> str:
    return html_of(pages.get_swagger_ui_html(**{"openapi_url": "/o.json", "title": "T", **options}))


def redoc(**options: Any) -> str:
    return html_of(pages.get_redoc_html(**{"openapi_url": "/o.json", "title": "T", **options}))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_takes_what_fastapis_takes(name: str) -> None:
    def parameters(module: Any) -> list[tuple[str, Any, Any]]:
        signature = inspect.signature(getattr(module, name))
        return [(each.name, each.kind, each.default) for each in signature.parameters.values()]

    assert parameters(pages) == parameters(real)


def test_the_default_parameters_are_fastapis() -> None:
    assert pages.swagger_ui_default_parameters == real.swagger_ui_default_parameters


OPTIONS: list[dict[str, Any]] = [
    {},
    {"oauth2_redirect_url": "/docs/oauth2-redirect"},
    {"init_oauth": {"clientId": "c", "scopes": ["a"]}},
    {"swagger_ui_parameters": {"deepLinking": False, "syntaxHighlight": {"theme": "obsidian"}}},
    {"swagger_js_url": "/s.js", "swagger_css_url": "/s.css", "swagger_favicon_url": "/f.png"},
]


@pytest.mark.parametrize("options", OPTIONS)
def test_swagger_ui_is_started_with_the_settings_that_fastapi_gives_it(
    options: dict[str, Any],
) -> None:
    def settings(html: str) -> str:
        """The script without its layout: white space, semicolons, and commas after the last."""
        (script,) = [text for text in Page(html).texts["script"] if "SwaggerUIBundle(" in text]
        return re.sub(r",(?=[}\])])", "", re.sub(r"[\s;]+", "", script))

    theirs = html_of(real.get_swagger_ui_html(openapi_url="/o.json", title="T", **options))

    assert settings(swagger_ui(**options)) == settings(theirs)


@pytest.mark.parametrize("options", OPTIONS)
def test_swagger_uis_page_loads_what_fastapis_loads(options: dict[str, Any]) -> None:
    theirs = html_of(real.get_swagger_ui_html(openapi_url="/o.json", title="T", **options))

    def loaded(html: str) -> set[str | None]:
        page = Page(html)
        sources = [each.get("src") for each in page.attributes("script")]
        return {*sources, *(each["href"] for each in page.attributes("link"))}

    assert loaded(swagger_ui(**options)) == loaded(theirs)


@pytest.mark.parametrize(
    "options", [{}, {"with_google_fonts": False}, {"redoc_js_url": "/r", "redoc_favicon_url": "/f"}]
)
def test_redocs_page_loads_what_fastapis_loads(options: dict[str, Any]) -> None:
    theirs = Page(html_of(real.get_redoc_html(openapi_url="/o.json", title="T", **options)))
    ours = Page(redoc(**options))

    for tag in ("redoc", "script"):
        assert ours.attributes(tag) == theirs.attributes(tag)
    assert {link["href"] for link in ours.attributes("link")} == {
        link["href"] for link in theirs.attributes("link")
    }


@pytest.mark.parametrize(
    ("page", "argument"),
    [
        (swagger_ui, "title"),
        (swagger_ui, "openapi_url"),
        (swagger_ui, "swagger_js_url"),
        (swagger_ui, "swagger_css_url"),
        (swagger_ui, "swagger_favicon_url"),
        (swagger_ui, "oauth2_redirect_url"),
        (redoc, "title"),
        (redoc, "openapi_url"),
        (redoc, "redoc_js_url"),
        (redoc, "redoc_favicon_url"),
    ],
)
def test_no_argument_can_add_an_element_to_the_page(
    page: Callable[..., str], argument: str
) -> None:
    harmless, nasty = Page(page(**{argument: "/harmless"})), Page(page(**{argument: NASTY}))

    assert [tag for tag, _ in nasty.tags] == [tag for tag, _ in harmless.tags]
    assert [set(attributes) for _, attributes in nasty.tags] == [
        set(attributes) for _, attributes in harmless.tags
    ]


@pytest.mark.parametrize("argument", ["init_oauth", "swagger_ui_parameters"])
def test_no_setting_can_add_an_element_to_the_page(argument: str) -> None:
    html = swagger_ui(**{argument: {NASTY: NASTY}})

    assert [tag for tag, _ in Page(html).tags if tag == "img"] == []
    assert len(Page(html).attributes("script")) == 2


@pytest.mark.parametrize("argument", ["openapi_url", "oauth2_redirect_url"])
def test_a_url_cannot_leave_its_javascript_string(argument: str) -> None:
    html = swagger_ui(**{argument: "/o'+alert(1)+'\\"})

    strings = re.findall(r"(?:url: |origin \+ )'([^']*)'", html)

    assert json.loads(f'"{strings[-1]}"') == "/o'+alert(1)+'\\"


def test_the_login_page_answers_the_swagger_ui_that_opened_it() -> None:
    html = html_of(pages.get_swagger_ui_oauth2_redirect_html())

    assert "window.opener.swaggerUIRedirectOauth2" in html
    assert [tag for tag, _ in Page(html).tags].count("script") == 1
