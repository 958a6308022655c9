"""Every setting with its variable, its default and its meaning, from the models themselves: for `doctor` and the docs."""

from __future__ import annotations

import ast
import inspect
from typing import Any, NamedTuple

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from byteport.settings.load import variable
from byteport.settings.model import Settings


class Setting(NamedTuple):
    """One setting; `default` as YAML would have it, empty when there is none or it is worked out."""

    key: str
    variable: str
    default: str
    meaning: str


def catalogue() -> list[Setting]:
    """In the order in which the models have them."""
    return list(_settings(Settings, ""))


def _settings(model: type[BaseModel], prefix: str) -> list[Setting]:
    found: list[Setting] = []
    said = _docstrings(model)
    for name, field in model.model_fields.items():
        key = prefix + name
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            found += _settings(inner, f"{key}.")
        else:
            found.append(Setting(key, variable(key), _written(field.default), said.get(name, "")))
    return found


def _docstrings(model: type[BaseModel]) -> dict[str, str]:
    """The text under each field, on one line."""
    body = ast.parse(inspect.getsource(model)).body[0]
    assert isinstance(body, ast.ClassDef)
    texts: dict[str, str] = {}
    for field, text in zip(body.body, body.body[1:], strict=False):
        named = isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if named and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            assert isinstance(field, ast.AnnAssign)
            assert isinstance(field.target, ast.Name)
            texts[field.target.id] = " ".join(str(text.value.value).split())
    return texts


def _written(default: Any) -> str:
    if default is None or default is PydanticUndefined:
        return ""
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, tuple):
        return f"[{', '.join(map(str, default))}]"
    return str(default)
