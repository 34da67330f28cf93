"""What the library's smaller questions answer: a mapping whose names are attributes too."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any


class Figures(Mapping[str, Any]):
    """Named figures. A name that ends in a unit is in that unit; times without one are milliseconds, memory bytes."""

    def __init__(self, figures: Mapping[str, Any]) -> None:
        self._figures = MappingProxyType(dict(figures))

    def __getitem__(self, key: str) -> Any:
        return self._figures[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._figures)

    def __len__(self) -> int:
        return len(self._figures)

    def __getattr__(self, name: str) -> Any:
        figures = self.__dict__.get("_figures", {})  # absent while a copy is being made
        if name not in figures:
            raise AttributeError(f"there is no {name}. Known are {', '.join(figures)}.")
        return figures[name]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.items())})"
