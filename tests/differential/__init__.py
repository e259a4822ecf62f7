"""Differential tests: the same program under FastAPI and under Trivium behaves the same.

`program.py` describes a program, `kinds.py` the types in it, `sides.py` builds it twice from one
source text, `driver.py` calls both over raw ASGI and `compare.py` judges. The strategies stand in
`signatures.py` (what is declared) and `calls.py` (what is requested); each `test_*.py` is a room.

Environment: `TRIVIUM_DIFFERENTIAL=deep` fuzzes long and at random, and
`TRIVIUM_DIFFERENTIAL_RIGHT=fastapi` compares FastAPI with itself, which proves the harness quiet.
"""
