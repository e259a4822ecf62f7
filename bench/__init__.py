"""Benchmarks: Trivium beside the real FastAPI; only cases with equal replies are measured.

`harness/` knows how to measure, compare and draw; `cases/` knows what. See README.md.
"""
