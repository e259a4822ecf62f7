"""An explanation for people to read."""

from collections.abc import Iterator
from pathlib import Path

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from trivium.routing.explanation import Body, Call, Explanation, Place, Reply, Value


def view(plan: Explanation, cwd: Path) -> RenderableType:
    """The plan in the order in which a request runs it; files are shown relative to `cwd`."""
    return Group(*_parts(plan, cwd))


def _parts(plan: Explanation, cwd: Path) -> Iterator[RenderableType]:
    title = Text.assemble(
        (plan["method"], "bold green"), " ", (plan["path"], "bold"), " → ", (plan["route"], "cyan")
    )
    facts = [plan["kind"]]
    if plan["name"]:
        facts.append(f"name {plan['name']}")
    if plan["tags"]:
        facts.append(f"tags {', '.join(plan['tags'])}")
    if plan["mounted_at"]:
        facts.append(f"mounted at {plan['mounted_at']}")
    facts += [f"{name} = {value}" for name, value in plan["path_params"].items()]
    yield title.append(f"  ({'; '.join(facts)})", style="dim")
    yield _section("Around", [Text(layer) for layer in plan["around"]])
    if plan["body"] is not None:
        yield _section("Body", [Text(line) for line in _body(plan["body"])])
    if plan["custom_handler"]:
        yield _section("Route class", [Text("its own get_route_handler() answers")])
    *dependencies, handler = plan["steps"]
    if dependencies:
        yield _section("Dependencies", [_call(call, cwd) for call in dependencies])
    yield _section("Handler", [_call(handler, cwd)])
    if plan["reply"] is not None:
        yield _section("Reply", [Text(line) for line in _reply(plan["reply"])])
    if closing := [call for call in reversed(plan["steps"]) if call["closed"]]:
        lines = [f"{call['step']} {call['function']['name']}: {call['closed']}" for call in closing]
        yield _section("Closed", [Text(line) for line in lines])
    if plan["status_codes"]:
        statuses = Table.grid(padding=(0, 2))
        for status in plan["status_codes"]:
            statuses.add_row(Text(str(status["status_code"]), style="green"), status["when"])
        yield _section("Status codes", [statuses])


def _section(title: str, lines: list[RenderableType]) -> RenderableType:
    return Group(Text(f"\n{title}", style="bold"), *(_indented(line, 2) for line in lines))


def _indented(content: RenderableType, columns: int) -> RenderableType:
    return Padding(content, (0, 0, 0, columns), expand=False)


def _call(call: Call, cwd: Path) -> RenderableType:
    head = Text.assemble(
        f"{call['step']} ",
        (call["function"]["name"], "cyan"),
        f" → {call['parameter']}" if call["parameter"] else "",
        ("  " + ", ".join(_how(call)), "dim"),
        ("  " + place if (place := _place(call["function"], cwd)) else "", "dim"),
    )
    if call["reuses"] is not None:
        return head
    taken = Table.grid(padding=(0, 2))
    taken.add_column(no_wrap=True)
    taken.add_column(no_wrap=True)
    taken.add_column()
    for name, step in call["uses"].items():
        taken.add_row(name, f"from step {step}", "")
    for name, kind in call["given"].items():
        taken.add_row(name, f"the {kind}", "")
    for value in call["values"]:
        taken.add_row(value["name"], _source(value), Text(_rule(value), style="dim"))
    return Group(head, _indented(taken, 2)) if taken.row_count else head


def _how(call: Call) -> Iterator[str]:
    if call["reuses"] is not None:
        yield f"value of step {call['reuses']}"
        return
    yield call["call"]
    yield f"in {call['runs_in']}"
    if call["scope"] == "app":
        yield "made once for the app"
    elif call["parameter"] is not None and not call["caches"]:
        yield "called at each use"
    if call["max_concurrency"] is not None:
        yield f"at most {call['max_concurrency']} at once"
    if call["security"]:
        scopes = f" with scopes {' '.join(call['oauth_scopes'])}" if call["oauth_scopes"] else ""
        yield f"security scheme {call['security']}{scopes}"


def _source(value: Value) -> str:
    names = ", ".join(value["fields"]) or " or ".join(value["keys"])
    return f"{value['place']} {names}"


def _rule(value: Value) -> str:
    parts = [value["type"], *value["constraints"]]
    parts.append("required" if value["required"] else f"default {value['default']}")
    return ", ".join(parts)


def _body(body: Body) -> Iterator[str]:
    if body["kind"] is None:
        yield "not read"
    else:
        parts = ", each parameter is a key of it" if body["keys"] else ""
        yield f"read once, as {'a form' if body['kind'] == 'form' else 'JSON'}{parts}"
        if body["kind"] == "json":
            without = "not parsed" if body["strict_content_type"] else "parsed all the same"
            yield f"without a JSON content type: {without}"
    if body["max_bytes"] is not None:
        yield f"at most {body['max_bytes']} bytes"
    for name, limit in body["form_limits"].items():
        yield f"{name} {limit}"


def _reply(reply: Reply) -> Iterator[str]:
    yield f"a Response that the handler returns is sent as it is; else {reply['response_class']}"
    yield f"written by {reply['written_by']}"
    if reply["model"] is not None:
        yield f"validated as {reply['model']}, {reply['validated']}"
    for name, option in reply["options"].items():
        yield f"{name} {option}"


def _place(function: Place, cwd: Path) -> str:
    if function["file"] is None:
        return ""
    path = Path(function["file"])
    return f"{path.relative_to(cwd) if path.is_relative_to(cwd) else path}:{function['line']}"
