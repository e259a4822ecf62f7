"""What `App.checks` finds: of the app itself, and what others contribute."""

from collections.abc import Iterable
from typing import Any

from trivium import App
from trivium.checks import Check
from trivium.stages.stage import Stage


class Finds:
    """Something that finds one thing of each gravity."""

    def checks(self, app: Any, /, *, deploy: bool) -> Iterable[Check]:
        yield Check("info", "test.info", "to be known")
        if deploy:
            yield Check("error", "test.error", "wrong", "mend it")


class FindingStage(Finds, Stage):
    pass


class FindingBattery(Finds):
    def install(self, app: App, /) -> None:
        """Nothing to add."""


def ids(app: App, *, deploy: bool = False) -> list[str]:
    return [check.id for check in app.checks(deploy=deploy)]


def test_nothing_is_found_in_an_app_that_is_in_order() -> None:
    app = App()
    app.get("/")(lambda: None)

    assert app.checks() == []


def test_before_a_deployment_more_is_looked_for() -> None:
    assert ids(App(debug=True), deploy=True) == ["core.debug", "core.stages", "core.docs"]
    assert ids(App(openapi_url=None), deploy=True) == ["core.stages"]


def test_a_route_that_cannot_be_reached_is_found() -> None:
    app = App()
    app.get("/flights")(lambda: 1)
    app.get("/flights")(lambda: 2)
    app.post("/flights")(lambda: 3)

    found = app.checks()

    assert found[0].id == "core.shadowed"
    assert found[0].message.startswith("GET /flights is declared 2 times")
    assert sum(check.id == "core.shadowed" for check in found) == 1


def test_operations_that_cannot_be_told_apart_are_found() -> None:
    app = App()
    app.get("/a", operation_id="read")(lambda: 1)
    app.get("/b", operation_id="read")(lambda: 2)

    assert ids(app) == ["core.operation_id"]


def test_a_document_that_cannot_be_made_is_an_error() -> None:
    app = App()

    def fails() -> dict[str, Any]:
        raise ValueError("no document")

    app.openapi = fails  # type: ignore[method-assign]  # as FastAPI's docs have it done

    (found,) = app.checks()

    assert (found.level, found.id) == ("error", "core.openapi")
    assert "ValueError: no document" in found.message


def test_stages_batteries_and_others_contribute_and_the_gravest_comes_first() -> None:
    app = App(openapi_url=None)
    app.add_stage(FindingStage())
    app.install(FindingBattery())
    app.add_check(Finds())

    assert ids(app) == ["test.info"] * 3
    found = [id for id in ids(app, deploy=True) if not id.startswith("stages.no_")]
    assert found == ["test.error"] * 3 + ["test.info"] * 3
