"""Prints the OpenAPI documents of all programs of a folder, built with one framework.

Run it in an empty directory as ``documents_of.py FRAMEWORK HOME FOLDER``: FRAMEWORK is what
``fastapi`` is to mean, ``real`` or ``trivium``; the programs are the modules below HOME/FOLDER.
Prints a JSON object: by module, the documents of the applications that importing it made, or the
name of the error.
"""

import contextlib
import importlib
import io
import json
import sys
import warnings
from pathlib import Path
from typing import Any


def main(framework: str, home: str, folder: str) -> None:
    warnings.simplefilter("ignore")
    if framework == "trivium":
        from trivium.fastapi import install

        install()
    sys.path.insert(0, home)
    for name in ("static", "templates", "dist"):
        # Programs that serve files ask for these when they are imported.
        Path(name).mkdir(exist_ok=True)
    for name in ("index.html", "404.html"):
        Path("dist", name).touch()
    modules = sorted(
        ".".join(path.relative_to(home).with_suffix("").parts)
        for path in Path(home, folder).rglob("*.py")
    )
    with contextlib.redirect_stdout(io.StringIO()):
        documents = {name: documents_of(name) for name in modules}
    print(json.dumps(documents))


def documents_of(module: str) -> Any:
    apps = []
    with watched(apps):
        try:
            importlib.import_module(module)
        except BaseException as error:  # pytest's Skipped is one as well
            return type(error).__name__
    return [document_of(app) for app in apps]


@contextlib.contextmanager
def watched(apps: list[Any]) -> Any:
    """Adds every application that is made meanwhile to ``apps``."""
    from fastapi import FastAPI

    original = FastAPI.__init__

    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        apps.append(self)

    FastAPI.__init__ = init
    try:
        yield
    finally:
        FastAPI.__init__ = original


def document_of(app: Any) -> Any:
    try:
        return app.openapi()
    except Exception as error:
        return type(error).__name__


if __name__ == "__main__":
    main(*sys.argv[1:])
