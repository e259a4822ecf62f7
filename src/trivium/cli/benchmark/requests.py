"""What is asked: the GET operations of an OpenAPI document, or what the user writes."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from trivium.cli.benchmark.errors import CannotMeasure

_TEMPLATE = re.compile(r"\{([^}:]+)(?::[^}]*)?\}")
_WRITTEN = re.compile(r"\s*([A-Za-z]+)\s+(/\S*)\s*(.*)", re.DOTALL)

# A value of each type and format, for a parameter that has no example of its own.
_FORMATS: Mapping[str, str] = {
    "uuid": "00000000-0000-4000-8000-000000000000",
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "time": "12:00:00",
    "duration": "PT1H",
    "email": "ada@example.com",
    "uri": "https://example.com/",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
}


@dataclass(frozen=True, slots=True)
class Request:
    """One request, ready to be sent.

    target: path and query, encoded.
    written: the user named it; it is not one of the document's.
    """

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    written: bool = False

    @property
    def title(self) -> str:
        """How it is shown: without headers, and with the beginning of its body."""
        body = self.body.decode("utf-8", "replace")
        shown = f" {body[:37]}..." if len(body) > 40 else f" {body}" if body else ""
        return f"{self.method} {self.target}{shown}"

    def wire(self, port: int) -> bytes:
        """Its bytes in HTTP/1.1, for a server on the loopback interface."""
        lines = [f"{self.method} {self.target} HTTP/1.1", f"Host: 127.0.0.1:{port}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if self.body:
            lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + self.body


@dataclass(frozen=True, slots=True)
class Skipped:
    """An operation that is not asked for, and why."""

    title: str
    reason: str


def chosen(
    document: Mapping[str, Any], written: Sequence[str], headers: Sequence[str]
) -> tuple[list[Request], list[Skipped]]:
    """What to ask: what the user wrote, else what the document shows; and what is left out.

    Raises CannotMeasure when that is nothing.
    """
    sent = [parse_header(text) for text in headers]
    if written:
        return [parse(text, document, sent) for text in written], []
    found = list(from_document(document, sent))
    requests = [each for each in found if isinstance(each, Request)]
    skipped = [each for each in found if isinstance(each, Skipped)]
    if not requests:
        reasons = "".join(f"\n  {each.title}: {each.reason}" for each in skipped)
        raise CannotMeasure(
            "The app's document shows no GET operation that can be asked for."
            f'{reasons}\nSay what to ask: --request \'POST /items {{"name": "a"}}\''
        )
    return requests, skipped


def parse(
    text: str, document: Mapping[str, Any], headers: Sequence[tuple[str, str]] = ()
) -> Request:
    """A request as the user writes it: ``GET /items/7`` or ``POST /items {"name": "a"}``.

    A body is sent as JSON. Where there is none and the document has an example of one, that is
    sent. Raises CannotMeasure for what is no request.
    """
    match = _WRITTEN.fullmatch(text)
    if match is None:
        raise CannotMeasure(
            f"--request {text!r} is no request. Write a method, a path and perhaps a body:\n"
            """  --request 'GET /items/7'  or  --request 'POST /items {"name": "a"}'"""
        )
    method, target, written = match[1].upper(), match[2], match[3].strip()
    body = written.encode()
    if written:
        try:
            json.loads(written)
        except ValueError as error:
            raise CannotMeasure(f"--request {text!r}: the body is no JSON: {error}") from None
    elif (example := _body_example(document, method, target)) is not None:
        body = json.dumps(example).encode()
    return _request(method, target, headers, body, written=True)


def parse_header(text: str) -> tuple[str, str]:
    """A header as the user writes it, ``Name: value``. Raises CannotMeasure otherwise."""
    name, colon, value = text.partition(":")
    if not colon or not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name.strip()):
        raise CannotMeasure(f"--header {text!r} is no header. Write 'Name: value'.")
    if re.search(r"[\r\n\0]", value):
        raise CannotMeasure(f"--header {text!r} goes over the end of its line.")
    return name.strip(), value.strip()


def from_document(
    document: Mapping[str, Any], headers: Sequence[tuple[str, str]] = ()
) -> Iterator[Request | Skipped]:
    """Every GET operation, with its required parameters filled in.

    A value is the parameter's example or default, else one of its type. What takes a cookie, a
    credential or a body that the document does not show is skipped.
    """
    for path, item in document.get("paths", {}).items():
        if "get" in item:
            yield _operation(document, path, item, headers)


def _operation(
    document: Mapping[str, Any],
    path: str,
    item: Mapping[str, Any],
    headers: Sequence[tuple[str, str]],
) -> Request | Skipped:
    operation = item["get"]
    given = {name.lower() for name, _ in headers}
    values: dict[str, str] = {}
    query: list[tuple[str, str]] = []
    sent = list(headers)
    if "requestBody" in operation:
        return Skipped(f"GET {path}", "it takes a body")
    for parameter in [*item.get("parameters", []), *operation.get("parameters", [])]:
        parameter = _resolved(document, parameter)
        name, place = parameter["name"], parameter["in"]
        if not parameter.get("required") or (place == "header" and name.lower() in given):
            continue
        if (value := _value(document, parameter)) is None:
            return Skipped(f"GET {path}", f"no example for its {place} parameter {name}")
        if place == "path":
            values[name] = value
        elif place == "query":
            query.append((name, value))
        elif place == "header":
            sent.append((name, value))
        else:
            return Skipped(f"GET {path}", f"it needs the cookie {name}")
    target = _TEMPLATE.sub(lambda found: quote(values.get(found[1], ""), safe=""), path)
    if query:
        target += f"?{urlencode(query)}"
    return _request("GET", target, sent, b"")


def _request(
    method: str,
    target: str,
    headers: Sequence[tuple[str, str]],
    body: bytes,
    *,
    written: bool = False,
) -> Request:
    named = {name.lower() for name, _ in headers}
    typed = [("Content-Type", "application/json")] if body and "content-type" not in named else []
    return Request(method, target, (*headers, *typed), body, written)


def _resolved(document: Mapping[str, Any], node: Any) -> Any:
    """What a reference in the document refers to."""
    while isinstance(node, Mapping) and "$ref" in node:
        found: Any = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part.replace("~1", "/").replace("~0", "~")]
        node = found
    return node


def _value(document: Mapping[str, Any], parameter: Mapping[str, Any]) -> str | None:
    schema = _resolved(document, parameter.get("schema", {}))
    value = _example(document, parameter)
    if value is None:
        value = _of_schema(document, schema)
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None or isinstance(value, (list, dict)) else str(value)


def _example(document: Mapping[str, Any], node: Mapping[str, Any]) -> Any:
    """The example that a parameter or a media type shows, if it shows one."""
    if "example" in node:
        return node["example"]
    examples = node.get("examples")
    if isinstance(examples, Mapping):
        for example in examples.values():
            example = _resolved(document, example)
            if "value" in example:
                return example["value"]
    return None


def _of_schema(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Any:
    """A value that a schema shows, or a plain one of its type."""
    schema = _resolved(document, schema)
    for key in ("examples", "enum"):
        if schema.get(key):
            return schema[key][0]
    for key in ("example", "default", "const"):
        if schema.get(key) is not None:
            return schema[key]
    for alternative in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        if (value := _of_schema(document, alternative)) is not None:
            return value
    kind = schema.get("type")
    if kind in ("integer", "number"):
        return _number(schema)
    if kind == "boolean":
        return True
    if kind == "string" and "pattern" not in schema:
        text = _FORMATS.get(schema.get("format", ""), "text")
        return text.ljust(schema.get("minLength", 0), "x")[: schema.get("maxLength")]
    return None


def _number(schema: Mapping[str, Any]) -> Any:
    """1, or the allowed number next to it."""
    # The step over a bound that is itself not allowed; small for a number that may be a fraction.
    step = 1 if schema.get("type") == "integer" else 0.001
    value: Any = 1
    if "exclusiveMinimum" in schema:
        value = max(value, schema["exclusiveMinimum"] + step)
    if "exclusiveMaximum" in schema:
        value = min(value, schema["exclusiveMaximum"] - step)
    value = max(value, schema.get("minimum", value))
    return min(value, schema.get("maximum", value))


def _body_example(document: Mapping[str, Any], method: str, target: str) -> Any:
    """The example of a JSON body that the document has for an operation."""
    path = target.partition("?")[0]
    for template, item in document.get("paths", {}).items():
        pattern = _TEMPLATE.sub(
            "[^/]+", re.escape(template).replace(r"\{", "{").replace(r"\}", "}")
        )
        if method.lower() not in item or not re.fullmatch(pattern, path):
            continue
        body = _resolved(document, item[method.lower()].get("requestBody", {}))
        content = body.get("content", {}).get("application/json", {})
        example = _example(document, content)
        if example is None:
            schema = _resolved(document, content.get("schema", {}))
            example = next(iter(schema.get("examples", ())), schema.get("example"))
        return example
    return None
