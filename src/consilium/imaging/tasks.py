"""Tasks: what can be asked of an image - the tuple `TASKS` of every module of this room whose name begins with `task_`."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType

import consilium.imaging
from consilium.core.errors import NotFoundError
from consilium.imaging.finding import Task


@cache
def tasks() -> Mapping[str, Task]:
    """Every task by name.

    Examples
    --------
    >>> tasks()["lungs"].title["en"]
    'Lungs outlined, and candidates for nodules'
    """
    names = sorted(m.name for m in pkgutil.iter_modules(consilium.imaging.__path__) if m.name.startswith("task_"))
    return MappingProxyType({task.name: task for name in names for task in import_module(f"consilium.imaging.{name}").TASKS})


def chosen(names: tuple[str, ...], offered: Mapping[str, Task]) -> tuple[Task, ...]:
    """Tasks by name; all, where no name is given.

    Raises
    ------
    NotFoundError
        When there is no such task.
    """
    for name in names:
        if name not in offered:
            raise NotFoundError("No such task", found=name, expected=sorted(offered))
    return tuple(offered[name] for name in names) if names else tuple(offered.values())
