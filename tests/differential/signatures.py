"""Strategies for what a program declares: parameters and the signatures they make."""

from __future__ import annotations

from hypothesis import strategies as st

from .kinds import SCALARS, Kind, flat_kinds, scalars
from .program import Param

NAMES = ("q", "item_id", "x_token", "data", "limit", "user_agent", "é")

DESCRIBING = (
    "title='A title'",
    "description='What it is'",
    "deprecated=True",
    "include_in_schema=False",
    "examples=['e']",
    "openapi_examples={'one': {'summary': 's', 'value': 'v'}}",
    "json_schema_extra={'x-extra': 1}",
    "json_schema_extra=lambda schema: schema.update(x=1)",
)

# Path parameters whose value is never empty and holds no slash.
path_kinds = st.one_of(
    scalars, st.sampled_from(SCALARS[:6]), st.sampled_from(SCALARS[:3]).map(lambda kind: kind)
)


@st.composite
def params(draw: st.DrawFn, name: str, place: str, kinds: st.SearchStrategy[Kind]) -> Param:
    """One parameter that is read from `place`, with a drawn style, default and options."""
    kind = draw(kinds)
    style = draw(st.sampled_from(["annotated", "annotated", "default"]))
    options: list[str] = []
    keys: tuple[str, ...] = ()
    default = draw(st.sampled_from([None, None, kind.default, "None"]))
    if place == "header":
        keys = (name.replace("_", "-"), name)
    match draw(st.integers(0, 11)):
        case 6 if place != "path":
            keys = (f"{name}-alias", name)
            options.append(f"alias={keys[0]!r}")
        case 7 if place != "path":
            keys = (f"v_{name}", name)
            options.append(f"validation_alias={keys[0]!r}")
        case 8 if place != "path":
            keys = (f"{name}-one", f"{name}_two", name)
            options.append(f"validation_alias=AliasChoices({keys[0]!r}, {keys[1]!r})")
        case 9 if place == "header":
            options.append("convert_underscores=False")
        case 10 if place != "path":
            keys = (f"{name}A", f"{name}B")
            options.append(f"alias={keys[0]!r}, validation_alias={keys[1]!r}")
        case 11 if place != "path" and default is not None:
            options.append(f"default_factory=lambda: {kind.default}")
            style, default = "annotated", None
    if kind.constraints and draw(st.integers(0, 2)) == 2:
        options.append(draw(st.sampled_from(kind.constraints)))
    if draw(st.integers(0, 4)) == 4:
        options.append(draw(st.sampled_from(DESCRIBING)))
    if draw(st.integers(0, 9)) == 9 and default is not None:
        options.append("validate_default=True")
    if place == "path":
        default = None
    return Param(name, kind, place, style, default, tuple(options), keys)


@st.composite
def plain_params(draw: st.DrawFn, name: str) -> Param:
    """A parameter without a declaration: its annotation alone says where it comes from."""
    kind = draw(flat_kinds)
    default = draw(st.sampled_from([None, kind.default]))
    return Param(name, kind, "plain", "plain", default)


@st.composite
def signatures(
    draw: st.DrawFn,
    places: tuple[str, ...] = ("query", "header", "cookie", "plain"),
    kinds: st.SearchStrategy[Kind] = flat_kinds,
    min_size: int = 1,
    max_size: int = 3,
) -> tuple[Param, ...]:
    """Some parameters with distinct names, each from one of `places`."""
    names = draw(
        st.lists(st.sampled_from(NAMES), min_size=min_size, max_size=max_size, unique=True)
    )
    declared = []
    for name in names:
        place = draw(st.sampled_from(places))
        if place == "plain":
            declared.append(draw(plain_params(name)))
        elif place == "path":
            name = "p_" + name.replace("é", "e")
            declared.append(draw(params(name, place, path_kinds)))
        else:
            declared.append(draw(params(name, place, kinds)))
    return tuple(declared)
