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
def loaded_later(package: str, module: str) -> Iterator[None]:
    """Inside the block, `import package.module` loads neither; both are loaded on first use, by any code.

    For libraries that import rarely used modules at their start.  Does nothing if the package is loaded
    already.

    Args:
        package: Such as "matplotlib".
        module: One of its modules, such as "pyplot".
    """
    if package in sys.modules:
        yield
        return
    outer, inner = _Later(package), _Later(f"{package}.{module}")
    setattr(outer, module, inner)
    sys.modules[inner.__name__] = inner
    sys.modules[package] = outer
    try:
        yield
    finally:
        _leave(package)


def _leave(package: str) -> None:
    for name, module in list(sys.modules.items()):
        if isinstance(module, _Later) and name.partition(".")[0] == package:
            del sys.modules[name]
