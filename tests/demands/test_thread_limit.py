"""A pool of ten database connections and two hundred requests at once: every one is answered.

In FastAPI each `def` dependency, handler and teardown takes a thread of the one pool for itself.
Requests that wait for a connection then hold every thread, those that have one cannot get the
thread to give it back, and all of them fail when the pool's patience ends.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import QueuePool
from starlette.responses import StreamingResponse

from trivium import App, BackgroundTasks, Depends
from trivium.testing import AsyncTestClient

CONNECTIONS = 10
REQUESTS = 200


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = create_engine(
        f"sqlite:///{tmp_path / 'probe.db'}",
        poolclass=QueuePool,
        pool_size=CONNECTIONS,
        max_overflow=0,
        # Shorter than SQLAlchemy's 30 seconds, so that a deadlock fails this test in time.
        pool_timeout=5,
        connect_args={"check_same_thread": False},
    )
    yield engine
    engine.dispose()


Declare = Callable[[App, Callable[[], Iterator[Session]]], None]


def use(session: Session) -> int:
    """Takes a connection of the pool; it is given back when the session is closed."""
    return session.execute(text("SELECT 1")).scalar_one()


def handler_and_dependency(app: App, get_session: Callable[[], Iterator[Session]]) -> None:
    @app.get("/")
    def read(session: Annotated[Session, Depends(get_session)]) -> int:
        return use(session)


def dependency_that_connects_at_once(
    app: App, get_session: Callable[[], Iterator[Session]]
) -> None:
    def connected(session: Annotated[Session, Depends(get_session)]) -> Session:
        use(session)
        return session

    @app.get("/")
    def read(session: Annotated[Session, Depends(connected)]) -> int:
        return use(session)


def async_handler(app: App, get_session: Callable[[], Iterator[Session]]) -> None:
    def connected(session: Annotated[Session, Depends(get_session)]) -> Session:
        use(session)
        return session

    @app.get("/")
    async def read(session: Annotated[Session, Depends(connected)]) -> bool:
        return session.is_active


def async_dependency_in_between(app: App, get_session: Callable[[], Iterator[Session]]) -> None:
    def connected(session: Annotated[Session, Depends(get_session)]) -> Session:
        use(session)
        return session

    async def current_user(session: Annotated[Session, Depends(connected)]) -> str:
        await asyncio.sleep(0)
        return "ada"

    def with_rights(user: Annotated[str, Depends(current_user)]) -> str:
        return user

    @app.get("/")
    def read(
        session: Annotated[Session, Depends(connected)],
        user: Annotated[str, Depends(with_rights)],
    ) -> int:
        return use(session)


def background_task(app: App, get_session: Callable[[], Iterator[Session]]) -> None:
    @app.get("/")
    def read(session: Annotated[Session, Depends(get_session)], tasks: BackgroundTasks) -> int:
        tasks.add_task(use, session)
        return use(session)


def streamed_rows(app: App, get_session: Callable[[], Iterator[Session]]) -> None:
    @app.get("/")
    def read(session: Annotated[Session, Depends(get_session)]) -> StreamingResponse:
        use(session)

        def rows() -> Iterator[str]:
            for _ in range(3):
                yield str(use(session))

        return StreamingResponse(rows())


def sub_dependency_with_a_limit(app: App, get_session: Callable[[], Iterator[Session]]) -> None:
    def connected(session: Annotated[Session, Depends(get_session)]) -> Session:
        use(session)
        return session

    def rare(session: Annotated[Session, Depends(connected)]) -> int:
        return use(session)

    @app.get("/")
    def read(value: Annotated[int, Depends(rare, max_concurrency=5)]) -> int:
        return value


@pytest.mark.slow
@pytest.mark.parametrize(
    "declare",
    [
        handler_and_dependency,
        dependency_that_connects_at_once,
        async_handler,
        async_dependency_in_between,
        background_task,
        streamed_rows,
        sub_dependency_with_a_limit,
    ],
    ids=lambda declare: declare.__name__,
)
async def test_200_requests_over_a_pool_of_10_are_200_times_a_200(
    engine: Engine, declare: Declare
) -> None:
    sessions = sessionmaker(engine)

    def get_session() -> Iterator[Session]:
        session = sessions()
        try:
            yield session
        finally:
            session.close()

    app = App()
    declare(app, get_session)

    async with AsyncTestClient(app, raise_server_exceptions=False) as client:
        replies = await asyncio.gather(*(client.get("/") for _ in range(REQUESTS)))

    assert Counter(reply.status_code for reply in replies) == {200: REQUESTS}
    pool: Any = engine.pool
    assert pool.checkedout() == 0
