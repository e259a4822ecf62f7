"""What a router adds to the routes of another router that it includes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from starlette.responses import Response
from starlette.routing import BaseRoute

from trivium.binding.defaults import DefaultPlaceholder, value_or_default
from trivium.binding.limits import FormLimits, first_given
from trivium.binding.params import Depends
from trivium.routing.options import (
    DEFAULT_RESPONSE_CLASS,
    DEFAULT_STRICTNESS,
    DEFAULT_UNIQUE_ID,
    Tags,
)
from trivium.routing.subtree import Subtree

__all__ = ["Inclusion"]


@dataclass(frozen=True)
class Inclusion:
    """Everything that the routers around a route add to it, outermost first."""

    prefix: str = ""
    tags: Tags = field(default_factory=list)
    dependencies: Sequence[Depends] = ()
    default_response_class: type[Response] | DefaultPlaceholder = field(
        default_factory=lambda: DEFAULT_RESPONSE_CLASS
    )
    responses: dict[int | str, dict[str, Any]] = field(default_factory=dict)
    callbacks: Sequence[BaseRoute] = ()
    deprecated: bool | None = None
    include_in_schema: bool = True
    generate_unique_id_function: Callable[[Any], str] | DefaultPlaceholder = field(
        default_factory=lambda: DEFAULT_UNIQUE_ID
    )
    strict_content_type: bool | DefaultPlaceholder = field(
        default_factory=lambda: DEFAULT_STRICTNESS
    )
    max_body_size: int | None = None
    form_limits: FormLimits = field(default_factory=lambda: FormLimits())
    subtrees: tuple[Subtree, ...] = ()
    overrides_provider: Any = None

    def within(self, outer: "Inclusion") -> "Inclusion":
        """This inclusion as it stands inside another one."""
        return replace(
            self,
            prefix=outer.prefix + self.prefix,
            tags=[*outer.tags, *self.tags],
            dependencies=(*outer.dependencies, *self.dependencies),
            default_response_class=value_or_default(
                self.default_response_class, outer.default_response_class
            ),
            responses={**outer.responses, **self.responses},
            callbacks=(*outer.callbacks, *self.callbacks),
            deprecated=outer.deprecated or self.deprecated,
            include_in_schema=outer.include_in_schema and self.include_in_schema,
            generate_unique_id_function=value_or_default(
                self.generate_unique_id_function, outer.generate_unique_id_function
            ),
            strict_content_type=value_or_default(
                self.strict_content_type, outer.strict_content_type
            ),
            max_body_size=first_given(self.max_body_size, outer.max_body_size),
            form_limits={**outer.form_limits, **self.form_limits},
            subtrees=(*outer.subtrees, *self.subtrees),
            overrides_provider=outer.overrides_provider,
        )
