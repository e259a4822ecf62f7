"""``python -m trivium.fastapi main.py`` runs a program with ``fastapi`` meaning Trivium."""

import sys

from trivium.fastapi._alias.program import run

run(sys.argv[1:])
