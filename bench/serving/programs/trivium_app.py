"""`fastapi_app.py` itself, on Trivium."""

import os

from trivium.fastapi import install

production = os.environ.pop("PRODUCTION", None)
install()
from fastapi_app import app  # noqa: E402  # imported as Trivium's from here on

if production:
    app.production(allowed_hosts=["127.0.0.1", "example.com"], cors_origins=["https://example.com"])
