"""Modules that are loaded on first use."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any


class _Later(ModuleType):
    """Stands in for a module; loads it and removes itself when any of its names is first used."""

    def __getattr__(self, name: str) -> Any:
        _leave(self.__name__.partition(".")[0])
        return getattr(importlib.import_module(self.__name__), name)


@contextmanager
def loaded_later(*names: str) -> Iterator[None]:
    """Inside the block, importing these modules loads none; each is loaded on first use, by any code.

    For libraries that import rarely used modules at their start.  A package that is loaded already is left
    alone.

    Args:
        names: Such as "matplotlib" and "matplotlib.pyplot"; a package before its modules.
    """
    packages = {name.partition(".")[0] for name in names} - sys.modules.keys()
    for name in names:
        if name.partition(".")[0] in packages:
            sys.modules[name] = later = _Later(name)
            parent, _, own = name.rpartition(".")
            if isinstance(sys.modules.get(parent), _Later):
                setattr(sys.modules[parent], own, later)
    try:
        yield
    finally:
        for package in packages:
            _leave(package)


def _leave(package: str) -> None:
    for name, module in list(sys.modules.items()):
        if isinstance(module, _Later) and name.partition(".")[0] == package:
            del sys.modules[name]
