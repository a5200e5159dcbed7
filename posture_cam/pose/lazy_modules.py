"""Modules that are loaded when somebody first asks them for something."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any


class _Later(ModuleType):
    """Stands in for a module; loads it, and leaves, when first asked for any of its names."""

    def __getattr__(self, name: str) -> Any:
        _leave(self.__name__.partition(".")[0])
        return getattr(importlib.import_module(self.__name__), name)


@contextmanager
def loaded_later(package: str, module: str) -> Iterator[None]:
    """Within, `import package.module` loads neither; both come when they are first used, by whomever.

    For libraries that import at their start what hardly anybody asks them for.  Does nothing where the
    package is loaded already.

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
