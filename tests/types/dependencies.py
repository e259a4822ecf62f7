# pyright: reportUnnecessaryTypeIgnoreComment=true
"""Dependencies: the annotation says the type, and ``Depends`` fits all of them."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Annotated, Any, assert_type

from trivium import App, Depends, Security
from trivium.app import Battery
from trivium.binding.container import Resolver

app = App()


class Session:
    """What a dependency makes."""

    def close(self) -> None: ...


async def session() -> AsyncIterator[Session]:
    yield Session()


def settings() -> Iterator[dict[str, str]]:
    yield {}


SessionNeeded = Annotated[Session, Depends(session)]
SettingsNeeded = Annotated[dict[str, str], Depends(settings, scope="app")]


@app.get("/")
async def read(
    current: SessionNeeded,
    options: SettingsNeeded,
    by_default: Session = Depends(session, use_cache=False),
    secured: Session = Security(session, scopes=["read"]),
) -> None:
    assert_type(current, Session)
    assert_type(options, dict[str, str])
    assert_type(by_default, Session)
    assert_type(secured, Session)


class Clock:
    """Something that is installed into an application."""

    def install(self, app: App, /) -> None: ...


def what_checkers_see() -> None:
    """The declarations fit every annotation, the rest is what it says."""
    assert_type(Depends(session), Any)
    assert_type(Security(session), Any)
    assert_type(app.resolver(), AbstractAsyncContextManager[Resolver])
    battery: Battery = Clock()
    app.install(battery)
    app.dependency_overrides[session] = Session


async def mistakes() -> None:
    """What both checkers find."""
    Depends(session, scope="forever")  # type: ignore[arg-type]  # function, request or app
    Depends(session, cached=False)  # type: ignore[call-arg]  # it is called use_cache
    Depends("session")  # type: ignore[arg-type]  # a dependency is callable
    Security(session, scopes=[1])  # type: ignore[list-item]  # scopes are text
    await read(Session(), {}, "session")  # type: ignore[arg-type]  # a handler keeps its parameters
    app.install(Session())  # type: ignore[arg-type]  # nothing that can be installed
    app.dependency_overrides["session"] = Session  # type: ignore[index]  # by the function
