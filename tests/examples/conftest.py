"""A slice of the real data, the app on top of it, and a real server for both."""

from __future__ import annotations

import shutil
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import islice
from pathlib import Path

import pytest

from examples.flights.app import create_app
from examples.flights.dataset import Dataset
from examples.flights.loading import ensure_loaded
from examples.flights.serving import Server, open_port
from examples.flights.settings import Settings
from tests.examples.slice import FLIGHTS, SECRET
from trivium import App
from trivium.testing import TestClient

Serve = Callable[[App], AbstractContextManager[tuple[str, Server]]]

PATIENCE_SECONDS = 30


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """The data set, cut off after the first flights, so that reading it takes no time."""
    folder = tmp_path_factory.mktemp("dataset")
    whole = Dataset.installed().folder
    for file in whole.glob("*.csv"):
        shutil.copy(file, folder)
    with zipfile.ZipFile(whole / "flights.csv.zip") as archive:
        with archive.open("flights.csv") as lines:
            head = b"".join(islice(lines, 1 + FLIGHTS))
    with zipfile.ZipFile(folder / "flights.csv.zip", "w") as archive:
        archive.writestr("flights.csv", head)
    return Dataset(folder)


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory, dataset: Dataset) -> Path:
    """A database of the first days of 2013. Nobody writes to it: an app gets a copy."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("loaded"))
    ensure_loaded(settings.database, dataset=dataset)
    with TestClient(create_app(settings)):  # makes the accounts, whose hashing is slow by intent
        return settings.database


def _settings(folder: Path, loaded: Path) -> Settings:
    settings = Settings.model_validate({"data_dir": folder, "secret": SECRET})
    shutil.copy(loaded, settings.database)
    return settings


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory, loaded: Path) -> Iterator[TestClient]:
    """A client for tests that only read: one app serves them all."""
    with TestClient(create_app(_settings(tmp_path_factory.mktemp("data"), loaded))) as client:
        yield client


@pytest.fixture
def settings(tmp_path: Path, loaded: Path) -> Settings:
    return _settings(tmp_path, loaded)


@pytest.fixture
def app(settings: Settings) -> App:
    return create_app(settings)


@pytest.fixture
def client(app: App) -> Iterator[TestClient]:
    """A client for tests that write, or that change the app: data and app are the test's own."""
    with TestClient(app) as client:
        yield client


@pytest.fixture
def serve() -> Serve:
    """Serves an app on a free port: gives the address and the server."""

    @contextmanager
    def serve(app: App) -> Iterator[tuple[str, Server]]:
        started = threading.Event()
        with open_port("127.0.0.1", 0) as listener:
            server = Server(app, started.set)
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
            thread.start()
            try:
                assert started.wait(PATIENCE_SECONDS), "the server did not start"
                yield f"127.0.0.1:{listener.getsockname()[1]}", server
            finally:
                server.should_exit = True
                thread.join(PATIENCE_SECONDS)
            assert not thread.is_alive(), "the server did not stop"

    return serve
