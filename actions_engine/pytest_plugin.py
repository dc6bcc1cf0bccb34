"""A pytest plugin: `pytest mappings/` collects the examples of mapping files.

It comes in by the entry point `pytest11`, so that it is loaded wherever this package is installed: it imports nothing
of the engine until a file is collected that looks like a mapping file.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from actions_engine.engine import Engine
    from actions_engine.mapping import Example, Mapping

_LOOKED_AT = 4_096


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect a YAML file whose beginning names a destination, and mappings or presets."""
    if file_path.suffix not in (".yaml", ".yml"):
        return None
    try:
        with file_path.open("rb") as file:
            head = file.read(_LOOKED_AT)
    except OSError:
        return None
    lines = b"\n" + head
    if b"\ndestination:" not in lines or not (b"\nmappings:" in lines or b"\npresets:" in lines):
        return None
    collector: pytest.Collector = MappingFile.from_parent(parent, path=file_path)
    return collector


class MappingFile(pytest.File):
    """A mapping file; its mappings' examples are its tests."""

    def collect(self) -> Iterator[pytest.Item]:
        """Yield an item for each example."""
        from actions_engine.engine import Engine  # noqa: PLC0415 - see the module's docstring
        from actions_engine.errors import MappingError  # noqa: PLC0415 - as above
        from actions_engine.loading.environment import AnyVariable  # noqa: PLC0415 - as above

        try:
            engine = Engine.load(self.path, environ=AnyVariable.of_process())
        except MappingError as error:
            raise self.CollectError(str(error)) from None
        for mapping in engine.mappings:
            for example in mapping.examples:
                yield ExampleItem.from_parent(
                    self, name=f"{mapping.name}::{example.name}", engine=engine, mapping=mapping, example=example
                )


class ExampleFailure(Exception):  # noqa: N818 - pytest shows its text in place of a traceback
    """An example that failed."""


class ExampleItem(pytest.Item):
    """One example."""

    def __init__(self, *, engine: Engine, mapping: Mapping, example: Example, **rest: Any) -> None:
        super().__init__(**rest)
        self.engine, self.mapping, self.example = engine, mapping, example

    def runtest(self) -> None:
        """Run the example."""
        from actions_engine.authoring.trial import run_example  # noqa: PLC0415 - see the module's docstring

        result = run_example(self.engine, self.mapping, self.example)
        if not result.passed:
            raise ExampleFailure("\n".join((str(self.example.expectation), *result.differences)))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Show what differs, and no traceback."""
        if isinstance(excinfo.value, ExampleFailure):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Return where the example stands."""
        return self.path, self.example.location.line - 1, self.name
