"""Path templates: ``/users/{user_id}/files/{path:path}``.

The syntax and the convertors are Starlette's. The regular expression of a whole template is made
only where somebody asks for it: the table matches segment by segment.
"""

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from starlette.convertors import CONVERTOR_TYPES, Convertor, StringConvertor

from trivium.errors import DeclarationError

__all__ = ["Template", "parsed"]

_PARAMETER = re.compile("{([a-zA-Z_][a-zA-Z0-9_]*)(:[a-zA-Z_][a-zA-Z0-9_]*)?}")


@dataclass(frozen=True)
class Template:
    """A template taken apart: literals and parameters in turn, a literal first and last."""

    path: str
    literals: tuple[str, ...]
    names: tuple[str, ...]
    convertors: tuple[Convertor[Any], ...]

    @cached_property
    def path_format(self) -> str:
        """The template without convertors: ``/files/{path}``."""
        parts = [self.literals[0]]
        for name, literal in zip(self.names, self.literals[1:], strict=True):
            parts += ("{" + name + "}", literal)
        return "".join(parts)

    @cached_property
    def regex(self) -> re.Pattern[str]:
        """What the whole path must match."""
        pattern = ["^", re.escape(self.literals[0])]
        for name, convertor, literal in zip(
            self.names, self.convertors, self.literals[1:], strict=True
        ):
            pattern += (f"(?P<{name}>{convertor.regex})", re.escape(literal))
        return re.compile("".join((*pattern, "$")))

    @cached_property
    def is_plain(self) -> bool:
        """Whether every value stays the string that it is."""
        return all(type(convertor) is StringConvertor for convertor in self.convertors)

    @property
    def param_convertors(self) -> dict[str, Convertor[Any]]:
        return dict(zip(self.names, self.convertors, strict=True))


@lru_cache(maxsize=4096)
def parsed(path: str) -> Template:
    """The template of a path.

    Raises DeclarationError for an unknown convertor, ValueError for a name that stands twice.
    """
    literals: list[str] = []
    names: list[str] = []
    convertors: list[Convertor[Any]] = []
    end = 0
    for match in _PARAMETER.finditer(path):
        name, kind = match.groups("str")
        kind = kind.lstrip(":")
        if kind not in CONVERTOR_TYPES:
            known = ", ".join(sorted(CONVERTOR_TYPES))
            raise DeclarationError(
                f"Unknown path convertor '{kind}'; the known ones are {known}",
                written=repr(path),
                instead=repr(path.replace(match.group(), "{" + name + "}")),
            )
        literals.append(path[end : match.start()])
        names.append(name)
        convertors.append(CONVERTOR_TYPES[kind])
        end = match.end()
    literals.append(path[end:])
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise RepeatedNameError(
            f"Duplicated param name{'s' if len(repeated) > 1 else ''}"
            f" {', '.join(repeated)} at path {path}",
            written=repr(path),
            instead=repr(_renamed(path)),
        )
    return Template(path, tuple(literals), tuple(names), tuple(convertors))


def _renamed(path: str) -> str:
    seen: dict[str, int] = {}

    def once(match: re.Match[str]) -> str:
        name, kind = match.groups("")
        seen[name] = seen.get(name, 0) + 1
        return match.group() if seen[name] == 1 else f"{{{name}_{seen[name]}{kind}}}"

    return _PARAMETER.sub(once, path)


class RepeatedNameError(DeclarationError, ValueError):
    """A path with the same name twice; also a ValueError, which is what Starlette raises."""
