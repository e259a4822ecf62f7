"""Strategies for what a client requests: what was declared, nearly that, or something wild."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, quote_plus

from hypothesis import strategies as st

from .driver import Call
from .kinds import Kind, wild_texts, wild_values, words
from .program import Param

Headers = tuple[tuple[bytes, bytes], ...]

# How a client treats a parameter. The careful client, half of all, sends what was asked for, so
# that a fair part of the calls reaches the handler.
CARELESS = st.sampled_from(["valid", "valid", "absent", "wild", "repeated"])
CAREFUL = st.sampled_from(["valid", "valid", "valid", "valid", "absent"])


@st.composite
def texts_for(draw: st.DrawFn, kind: Kind, moods: st.SearchStrategy[str]) -> tuple[str, ...]:
    """The values sent for one parameter, in order; none when it is left out."""
    match draw(moods):
        case "absent":
            return ()
        case "wild":
            return (draw(wild_texts),)
        case "repeated":
            return tuple(draw(st.lists(st.one_of(kind.texts.map(_first), wild_texts), max_size=3)))
    return draw(kind.texts)


def _first(texts: tuple[str, ...]) -> str:
    return texts[0] if texts else ""


@st.composite
def pairs_for(draw: st.DrawFn, declared: Iterable[Param]) -> list[tuple[str, str]]:
    """Name-value pairs for parameters, and now and then a pair that nobody declared."""
    pairs: list[tuple[str, str]] = []
    moods = draw(st.sampled_from([CAREFUL, CARELESS]))
    for param in declared:
        fields = param.kind.parts or ((param.wire_names, param.kind),)
        for keys, kind in fields:
            name = keys[0] if moods is CAREFUL else draw(st.sampled_from(keys))
            pairs += [(name, text) for text in draw(texts_for(kind, moods))]
    if moods is CARELESS and draw(st.integers(0, 4)) == 4:
        pairs.append((draw(st.one_of(st.just("unknown"), words)), draw(wild_texts)))
    return pairs


@st.composite
def encoded(draw: st.DrawFn, pairs: list[tuple[str, str]]) -> bytes:
    """Pairs as `application/x-www-form-urlencoded` bytes, sometimes carelessly written."""
    mood = draw(st.integers(0, 9))
    if mood == 8:
        # A client that does not encode at all.
        return "&".join(f"{name}={value}" for name, value in pairs).encode()
    text = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in pairs)
    if mood == 9:
        text += draw(st.sampled_from(["&", "&&", "&=", "&q", "&=x", "&q=%", "&q=%ff", ";q=1", "#"]))
    return text.encode()


def header_value(text: str) -> bytes:
    """A header value without the characters that would end it."""
    return text.encode().translate(None, b"\r\n\x00").strip()


@st.composite
def cookie_headers(draw: st.DrawFn, pairs: list[tuple[str, str]]) -> Headers:
    """Cookie headers for pairs: one, several, or carelessly written."""
    if not pairs:
        return draw(st.sampled_from([(), (), ((b"cookie", b""),)]))
    items = [header_value(f"{name}={value}") for name, value in pairs]
    match draw(st.integers(0, 4)):
        case 2:
            return tuple((b"cookie", item) for item in items)
        case 3:
            return ((b"cookie", b";".join(items)),)
        case 4:
            junk = draw(
                st.sampled_from([b"", b"novalue", b"=x", b'a="q\\"', b"a=b=c", b"\xff=\xff"])
            )
            return ((b"cookie", b"; ".join([*items, junk])),)
    return ((b"cookie", b"; ".join(items)),)


@st.composite
def calls_for(
    draw: st.DrawFn,
    declared: tuple[Param, ...],
    *,
    path: str = "/",
    method: str = "GET",
    headers: Headers = (),
    body: tuple[bytes, ...] = (),
) -> Call:
    """A call for a signature, with each parameter put in its place."""
    by_place: dict[str, list[Param]] = {}
    for param in declared:
        place = "query" if param.place == "plain" else param.place
        by_place.setdefault(place, []).append(param)
    for param in by_place.get("path", ()):
        value = draw(
            st.one_of(param.kind.texts.map(_first), param.kind.texts.map(_first), wild_texts)
        )
        safe = draw(st.sampled_from(["", "", "/", "%"]))
        converter = f":{param.converter}" if param.converter else ""
        path = path.replace(f"{{{param.name}{converter}}}", quote(value, safe=safe))
    query = draw(encoded(draw(pairs_for(by_place.get("query", ())))))
    sent = list(headers)
    for name, value in draw(pairs_for(by_place.get("header", ()))):
        sent.append((name.encode("ascii", "replace"), header_value(value)))
    sent += draw(cookie_headers(draw(pairs_for(by_place.get("cookie", ())))))
    return Call(method, path.encode(), query, tuple(sent), body)


JSON_TYPES = (
    *((b"application/json",) * 6),
    b"application/json; charset=utf-8",
    b"application/vnd.api+json",
    b"APPLICATION/JSON",
)
OTHER_TYPES = (
    b"",
    b"text/plain",
    b"application/x-www-form-urlencoded",
    b"multipart/form-data",
    b"application/octet-stream",
    b"application/jsonx",
    b"application/geo+json-seq",
    b"json",
    b"application/json/extra",
    b";",
    b"\xff/\xfe",
)
content_types = st.one_of(
    st.sampled_from(JSON_TYPES), st.sampled_from(JSON_TYPES), st.sampled_from(OTHER_TYPES)
)


@st.composite
def json_bytes(draw: st.DrawFn, value: Any) -> bytes:
    """A value as JSON bytes, sometimes in another encoding, sometimes broken."""
    text = json.dumps(value, ensure_ascii=draw(st.booleans()))
    match draw(st.integers(0, 15)):
        case 9:
            return text.encode("utf-16", "surrogatepass")
        case 10:
            return b"\xef\xbb\xbf" + text.encode("utf-8", "surrogatepass")
        case 11:
            return text.encode("utf-8", "surrogatepass")[: draw(st.integers(0, 12))]
        case 12:
            return text.encode("utf-8", "surrogatepass") + draw(
                st.sampled_from([b"}", b",", b"\x00", b" \n", b"{}", b"\xff"])
            )
        case 13:
            return draw(st.binary(max_size=8))
        case 14:
            return draw(
                st.sampled_from(
                    [b"", b" ", b"null", b"'a'", b'{"a": 1, "a": 2}', b"[1,]", b"// c", b"NaN"]
                )
            )
        case 15:
            return b"9" * 5000
    return text.encode("utf-8", "surrogatepass")


@st.composite
def split(draw: st.DrawFn, body: bytes) -> tuple[bytes, ...]:
    """A body in the pieces in which it arrives."""
    if len(body) < 2 or draw(st.integers(0, 4)) < 4:
        return (body,)
    at = draw(st.integers(0, len(body)))
    return (body[:at], b"", body[at:])


@st.composite
def json_bodies(
    draw: st.DrawFn, values: st.SearchStrategy[Any]
) -> tuple[Headers, tuple[bytes, ...]]:
    """The headers and the pieces of a JSON body that should hold one of `values`."""
    value = draw(st.one_of(values, values, values, values.flatmap(damaged), wild_values))
    content_type = draw(content_types)
    body = draw(json_bytes(value))
    headers: Headers = ((b"content-type", content_type),) if content_type else ()
    if draw(st.booleans()):
        headers += ((b"content-length", str(len(body)).encode()),)
    return headers, draw(split(body))


def damaged(value: Any) -> st.SearchStrategy[Any]:
    """A value with one part of it dropped, added or replaced by something wild."""
    if isinstance(value, dict) and value:
        keys = st.sampled_from(sorted(value))
        return st.one_of(
            keys.map(lambda key: {name: item for name, item in value.items() if name != key}),
            st.builds(lambda key, item: {**value, key: item}, keys, wild_values),
            keys.flatmap(lambda key: damaged(value[key]).map(lambda item: {**value, key: item})),
            wild_values.map(lambda item: {**value, "unknown": item}),
        )
    if isinstance(value, list) and value:
        return st.one_of(
            st.just(value[1:]),
            wild_values.map(lambda item: [item, *value[1:]]),
            wild_values.map(lambda item: [*value, item]),
            damaged(value[0]).map(lambda item: [item, *value[1:]]),
        )
    return wild_values
