"""What is measured. A suite is a module of this folder with a list `CASES`."""

from bench.cases import binding, building, growth, responding, routing
from bench.harness.case import Case

SUITES: dict[str, list[Case]] = {
    "routing": routing.CASES,
    "building": building.CASES,
    "binding": binding.CASES,
    "responding": responding.CASES,
    "growth": growth.CASES,
}

# `growth` sends a million requests to each side: asked for by name only.
CORE = ("routing", "building", "binding", "responding")

_BY_NAME = {case.name: case for cases in SUITES.values() for case in cases}


def find(name: str) -> Case:
    """The case of that name. Raises KeyError."""
    return _BY_NAME[name]


def select(suites: list[str], text: str | None, *, quick: bool) -> list[Case]:
    """The cases of `suites` (the core ones when empty) whose name contains `text`.

    Raises SystemExit with the known names when a suite is unknown.
    """
    if unknown := set(suites) - set(SUITES):
        raise SystemExit(f"no suite {', '.join(sorted(unknown))}; there are {', '.join(SUITES)}")
    chosen = [case for suite in suites or CORE for case in SUITES[suite]]
    return [
        case for case in chosen if (text is None or text in case.name) and not (quick and case.slow)
    ]
