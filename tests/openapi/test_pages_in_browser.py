"""The documentation pages in a real browser that can reach nothing but the application."""

import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import pytest
from pydantic import BaseModel
from starlette.responses import RedirectResponse, Response

from tests.openapi.browser import chromium, server
from trivium import App, Depends, Form
from trivium.openapi.pages import (
    get_redoc_html,
    get_swagger_ui_html,
    get_swagger_ui_oauth2_redirect_html,
)
from trivium.security import OAuth2AuthorizationCodeBearer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

XSS = "<script>window.xss = 1</script><img src=x onerror='window.xss = 1'>"


def png() -> bytes:
    """A red picture of 8 by 8 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\xff\0\0" * 8) * 8)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", rows), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


class PNG(Response):
    media_type = "image/png"


class Flight(BaseModel):
    """A flight."""

    number: int
    carrier: str = "UA"


login = OAuth2AuthorizationCodeBearer("/authorize", "/token", scopes={"fly": "May fly"})


def flights() -> App:
    app = App(
        title="Flights",
        description="All **flights**.",
        swagger_ui_init_oauth={"clientId": "the-client"},
    )

    @app.get("/flights/{number}", tags=["flights"])
    async def read_flight(number: int) -> Flight:
        return Flight(number=number)

    @app.get("/picture", tags=["pictures"], response_class=PNG)
    async def picture() -> Response:
        return PNG(png())

    @app.get("/me", tags=["private"])
    async def me(token: Annotated[str, Depends(login)]) -> str:
        return f"bearer of {token}"

    @app.get("/authorize", include_in_schema=False)
    async def authorize(redirect_uri: str, state: str, client_id: str) -> Response:
        answer = urlencode({"code": f"code+of {client_id}", "state": state}, quote_via=quote)
        return RedirectResponse(f"{redirect_uri}?{answer}", status_code=303)

    @app.post("/token", include_in_schema=False)
    async def token(code: Annotated[str, Form()]) -> dict[str, str]:
        return {"access_token": f"<{code}>", "token_type": "bearer"}

    return app


def site() -> App:
    """The application, the same below a prefix, a bad one, and FastAPI's pages with local files."""
    app = flights()
    app.mount("/below/here", flights())
    app.mount("/bad", App(title=XSS, description=XSS))

    @app.get("/fastapi-docs", include_in_schema=False)
    async def fastapi_docs() -> Response:
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title=XSS,
            swagger_js_url="/docs/assets/swagger-ui-bundle.js",
            swagger_css_url="/docs/assets/swagger-ui.css",
            swagger_favicon_url="/docs/assets/favicon.svg",
            oauth2_redirect_url="/fastapi-redirect",
            init_oauth={"clientId": "the-client"},
        )

    @app.get("/fastapi-redirect", include_in_schema=False)
    async def fastapi_redirect() -> Response:
        return get_swagger_ui_oauth2_redirect_html()

    @app.get("/fastapi-redoc", include_in_schema=False)
    async def fastapi_redoc() -> Response:
        return get_redoc_html(
            openapi_url="/openapi.json",
            title=XSS,
            redoc_js_url="/redoc/assets/redoc.standalone.js",
            redoc_favicon_url="/docs/assets/favicon.svg",
            with_google_fonts=False,
        )

    return app


class Visit:
    """A page in the browser, with what a reader does and sees."""

    def __init__(self, browser: Any, address: str) -> None:
        self.browser = browser
        self.address = address

    def to(self, path: str) -> "Visit":
        self.browser.get("about:blank")
        self.browser.get_log("browser")
        self.browser.get(self.address + path)
        return self

    def wait(self, what: Callable[[Any], Any]) -> Any:
        """What ``what`` gives as soon as it gives something true."""
        from selenium.common.exceptions import WebDriverException
        from selenium.webdriver.support.wait import WebDriverWait

        return WebDriverWait(
            self.browser, 20, poll_frequency=0.05, ignored_exceptions=[WebDriverException]
        ).until(what)

    def find(self, selector: str) -> Any:
        """The first element, once it is shown."""

        def shown(browser: Any) -> Any:
            element = browser.find_element("css selector", selector)
            return element if element.is_displayed() else None

        return self.wait(shown)

    def click(self, selector: str) -> None:
        self.wait(lambda browser: self.find(selector).click() or True)

    def text(self, selector: str, containing: str) -> str:
        """The text of the first element, once ``containing`` is in it."""
        self.wait(lambda browser: containing in self.find(selector).text)
        return str(self.find(selector).text)

    def style(self, selector: str, name: str) -> str:
        return str(self.find(selector).value_of_css_property(name))

    def complaints(self) -> list[str]:
        """What the browser wrote to its console: blocked by the policy, not found, thrown."""
        entries = self.browser.get_log("browser")
        return [entry["message"] for entry in entries if entry["level"] in ("WARNING", "SEVERE")]

    def asked_for(self) -> set[str]:
        """The origins that the page has asked for something."""
        script = "return performance.getEntries().map(each => each.name)"
        names = [name for name in self.browser.execute_script(script) if "://" in name]
        return {"/".join(name.removeprefix("blob:").split("/")[:3]) for name in names}

    def is_unharmed(self) -> bool:
        return self.browser.execute_script("return window.xss === undefined") is True

    def log_in(self) -> None:
        """Clicks through the login of Swagger UI, whose server agrees at once."""
        self.click(".btn.authorize")
        self.click(".modal-ux .auth-btn-wrapper .authorize")
        self.text(".modal-ux", "Logout")
        self.click(".modal-ux .btn-done")

    def execute(self, operation: str, **values: str) -> None:
        """Tries an operation out in Swagger UI."""
        self.click(f"{operation} .opblock-summary-control")
        self.click(f"{operation} .try-out__btn")
        for name, value in values.items():
            self.find(f"{operation} tr[data-param-name={name}] input").send_keys(value)
        self.click(f"{operation} .execute")


@pytest.fixture(scope="module")
def visit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visit]:
    with server(site()) as address, chromium(tmp_path_factory.mktemp("profile")) as browser:
        yield Visit(browser, address)


FLIGHT, PICTURE, ME = "[id*=read_flight]", "[id*=picture]", "[id*=-me_]"
PREFIXES = ["", "/below/here"]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_swagger_ui_shows_the_operations_without_a_complaint(visit: Visit, prefix: str) -> None:
    visit.to(f"{prefix}/docs")

    visit.text(FLIGHT, "/flights/{number}")

    assert visit.style(f"{FLIGHT} .opblock-summary-method", "background-color").startswith("rgb")
    assert visit.style(f"{FLIGHT} .opblock-summary-method", "color") == "rgba(255, 255, 255, 1)"
    assert visit.find(".info .description strong").text == "flights"
    assert visit.asked_for() == {visit.address}
    assert visit.complaints() == []


@pytest.mark.parametrize("prefix", PREFIXES)
def test_an_operation_can_be_tried_out(visit: Visit, prefix: str) -> None:
    visit.to(f"{prefix}/docs").execute(FLIGHT, number="1545")

    body = visit.text(f"{FLIGHT} .live-responses-table .highlight-code", '"number": 1545')

    assert '"carrier": "UA"' in body
    assert visit.text(f"{FLIGHT} .request-url", f"{visit.address}{prefix}/flights/1545")
    assert visit.complaints() == []


def test_a_picture_that_an_operation_answers_with_is_shown(visit: Visit) -> None:
    visit.to("/docs").execute(PICTURE)

    picture = visit.find(f"{PICTURE} .live-responses-table img")

    assert visit.wait(lambda browser: picture.get_property("naturalWidth") == 8)
    assert visit.complaints() == []


@pytest.mark.parametrize("page", ["/docs", "/below/here/docs", "/fastapi-docs"])
def test_a_login_in_a_window_of_its_own_ends_in_swagger_ui(visit: Visit, page: str) -> None:
    visit.to(page).log_in()
    visit.execute(ME)

    visit.text(f"{ME} .live-responses-table .highlight-code", "bearer of <code+of the-client>")

    assert len(visit.browser.window_handles) == 1
    assert visit.complaints() == []


@pytest.mark.parametrize("prefix", PREFIXES)
def test_redoc_shows_the_operations_without_a_complaint(visit: Visit, prefix: str) -> None:
    visit.to(f"{prefix}/redoc")

    visit.text("#redoc h1", "(0.1.0)")
    visit.text(".menu-content", "private")

    # Redoc paints its samples on a dark panel: its styles have arrived.
    assert visit.style("[data-section-id^='tag/flights'] button", "cursor") == "pointer"
    assert visit.style(".menu-content", "background-color") == "rgba(250, 250, 250, 1)"
    assert visit.asked_for() == {visit.address}
    assert visit.complaints() == []


def test_redoc_searches_in_its_worker(visit: Visit) -> None:
    visit.to("/redoc").find("input[type=text]").send_keys("picture")

    visit.text("[data-role='search:results']", "Picture")

    assert visit.complaints() == []


@pytest.mark.parametrize("page", ["/fastapi-docs", "/fastapi-redoc"])
def test_fastapis_pages_show_the_operations(visit: Visit, page: str) -> None:
    visit.to(page)

    visit.text("body", "/flights/{number}")

    assert visit.asked_for() == {visit.address}


@pytest.mark.parametrize("page", ["/docs", "/redoc", "/docs/oauth2-redirect"])
def test_nothing_that_was_smuggled_into_a_page_runs(visit: Visit, page: str) -> None:
    visit.to(page).find("body")
    smuggle = """
        const script = document.createElement("script");
        script.textContent = "window.xss = 1";
        document.body.append(script);
    """

    visit.browser.execute_script(smuggle)

    assert visit.is_unharmed()
    assert any("Content Security Policy" in each for each in visit.complaints())


def test_a_title_and_a_description_are_shown_and_not_run(visit: Visit) -> None:
    for page in ("/docs", "/redoc"):
        visit.to(f"/bad{page}").text("h1, h2", "<script>window.xss")

        assert visit.is_unharmed()


def test_the_login_page_explains_itself_to_who_opens_it_alone(visit: Visit) -> None:
    assert "end of an OAuth2 login" in visit.to("/docs/oauth2-redirect").text("body", "Swagger UI")
