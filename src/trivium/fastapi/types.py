"""``fastapi.types``"""

from collections.abc import Callable
from enum import Enum
from types import UnionType
from typing import Any, TypeVar

from pydantic import BaseModel

from trivium.binding.dependant import CacheKey as DependencyCacheKey
from trivium.binding.fields import IncEx

DecoratedCallable = TypeVar("DecoratedCallable", bound=Callable[..., Any])
ModelNameMap = dict[type[BaseModel] | type[Enum], str]

__all__ = ["DecoratedCallable", "DependencyCacheKey", "IncEx", "ModelNameMap", "UnionType"]
