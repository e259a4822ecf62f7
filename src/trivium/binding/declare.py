"""What a signature says of its parameters: ``Query()``, ``Body()``, ``Depends()`` and their like.

They are functions, not the classes they make, because their return type is ``Any``: then
``limit: int = Query(50)`` satisfies a type checker, while ``Query`` the class would not be an
``int``. In ``Annotated[int, Query()]`` either would do.

All take the keywords of ``ParamOptions``.
"""

from collections.abc import Callable, Sequence
from typing import Any, Unpack

from trivium.binding import params
from trivium.binding.params import DependsOptions, ParamOptions, Undefined

__all__ = ["Body", "Cookie", "Depends", "File", "Form", "Header", "Path", "Query", "Security"]


def Path(default: Any = ..., **options: Unpack[ParamOptions]) -> Any:
    """A value from the path. Raises ``DeclarationError`` for any ``default`` but ``...``."""
    return params.Path(default, **options)


def Query(default: Any = Undefined, **options: Unpack[ParamOptions]) -> Any:
    """A value from the query string."""
    return params.Query(default, **options)


def Header(
    default: Any = Undefined,
    *,
    convert_underscores: bool = True,
    **options: Unpack[ParamOptions],
) -> Any:
    """A value from a header; see ``params.Header`` for ``convert_underscores``."""
    return params.Header(default, convert_underscores=convert_underscores, **options)


def Cookie(default: Any = Undefined, **options: Unpack[ParamOptions]) -> Any:
    """A value from a cookie."""
    return params.Cookie(default, **options)


def Body(
    default: Any = Undefined,
    *,
    embed: bool | None = None,
    media_type: str = "application/json",
    **options: Unpack[ParamOptions],
) -> Any:
    """The body, or with ``embed`` one key of it; see ``params.Body``."""
    return params.Body(default, embed=embed, media_type=media_type, **options)


def Form(
    default: Any = Undefined,
    *,
    media_type: str = "application/x-www-form-urlencoded",
    keep_empty: bool = False,
    **options: Unpack[ParamOptions],
) -> Any:
    """A field of a form.

    An empty string counts as missing, because a browser sends one for every input that was left
    alone; with ``keep_empty`` it is a value.
    """
    return params.Form(default, media_type=media_type, keep_empty=keep_empty, **options)


def File(
    default: Any = Undefined,
    *,
    media_type: str = "multipart/form-data",
    **options: Unpack[ParamOptions],
) -> Any:
    """A file of a form: its content as ``bytes``, or an ``UploadFile``."""
    return params.File(default, media_type=media_type, **options)


def Depends(dependency: Callable[..., Any] | None = None, **options: Unpack[DependsOptions]) -> Any:
    """A value that ``dependency`` makes, called with arguments found as a handler's are.

    Without ``dependency`` the parameter's annotation is called. Code after the ``yield`` of a
    generator runs when the scope ends: ``"function"`` before the reply is sent, ``"request"``
    after it, ``"app"`` at shutdown, where the value was made once for the whole application.
    """
    return params.Depends(dependency, **options)


def Security(
    dependency: Callable[..., Any] | None = None,
    *,
    scopes: Sequence[str] | None = None,
    **options: Unpack[DependsOptions],
) -> Any:
    """A dependency that asks for OAuth2 ``scopes``; the OpenAPI document names them."""
    return params.Security(dependency, scopes=scopes, **options)
