"""Configuration as YAML: frozen dataclasses written, read back and checked against their types."""

from __future__ import annotations

import copy
import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import yaml

from livematte.errors import UsageError

__all__ = ["as_yaml", "parse_as"]

Kind = typing.TypeVar("Kind")


def as_yaml(config: Any) -> str:
    """A dataclass as YAML that :func:`parse_as` reads back."""
    return yaml.safe_dump(_plain(config), sort_keys=False, allow_unicode=True)


def parse_as(kind: type[Kind], text: str, place: str, overrides: Sequence[str] = ()) -> Kind:
    """Make a dataclass of YAML text.

    Args:
        kind: the dataclass.
        text: a mapping of its fields.
        place: where the text comes from, for errors.
        overrides: ``key=value`` with dots into the tree (``stages.0.batch_size=16``); values are
            YAML.

    Raises:
        UsageError: unknown key, or a value of the wrong type.
    """
    try:
        raw = yaml.safe_load(text)
        for override in overrides:
            key, separator, value = override.partition("=")
            if not separator:
                raise UsageError(f"--set {override}: expected key=value")
            _assign(raw, key.split("."), yaml.safe_load(value))
    except yaml.YAMLError as error:
        raise UsageError(f"{place}: not YAML ({error})") from error
    built: Kind = _build(kind, raw, place)
    return built


def _assign(tree: Any, keys: Sequence[str], value: Any) -> None:
    *parents, last = keys
    try:
        for key in parents:
            at: Any = int(key) if isinstance(tree, list) else key
            inner = tree[at] if isinstance(tree, list) else tree.get(at, {})
            tree[at] = copy.copy(inner)  # an alias may share it with other places
            tree = tree[at]
        tree[int(last) if isinstance(tree, list) else last] = value
    except (ValueError, IndexError, AttributeError, TypeError) as error:
        raise UsageError(f"--set {'.'.join(keys)}: no such place in the recipe") from error


def _build(kind: Any, value: Any, place: str) -> Any:
    """Make ``kind`` (a dataclass or an annotation) of plain YAML data."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return value
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _build_dataclass(kind, value, place)
    if origin is tuple and isinstance(value, list):
        kinds = [arguments[0]] * len(value) if arguments[-1] is Ellipsis else list(arguments)
        if len(kinds) == len(value):
            parts = zip(kinds, value, strict=True)
            return tuple(_build(k, v, f"{place}.{i}") for i, (k, v) in enumerate(parts))
    elif origin is Literal and value in arguments:
        return value
    elif origin in (typing.Union, types.UnionType):
        inner = next(a for a in arguments if a is not type(None))
        return None if value is None else _build(inner, value, place)
    elif isinstance(kind, type) and isinstance(value, bool) == (kind is bool):
        if isinstance(value, kind):
            return value
        if kind is float and isinstance(value, int | str):
            try:
                return float(value)
            except ValueError:
                pass
    elif isinstance(origin, type) and issubclass(origin, Mapping) and isinstance(value, dict):
        return {key: _build(arguments[1], item, f"{place}.{key}") for key, item in value.items()}
    raise UsageError(f"{place}: {value!r} is not a {kind}")


def _build_dataclass(kind: type[Any], value: Any, place: str) -> Any:
    if not isinstance(value, dict):
        raise UsageError(f"{place}: expected a mapping of {kind.__name__}'s fields")
    hints = typing.get_type_hints(kind)
    names = {f.name for f in dataclasses.fields(kind)}
    unknown = sorted(set(value) - names)
    if unknown:
        raise UsageError(f"{place}: unknown key {unknown[0]}; one of {', '.join(sorted(names))}")
    built = {name: _build(hints[name], item, f"{place}: {name}") for name, item in value.items()}
    try:
        return kind(**built)
    except TypeError as error:
        raise UsageError(f"{place}: {error}") from error


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return dict(value) if isinstance(value, Mapping) else value
