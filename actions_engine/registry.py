"""Plugins found, named and reported: the registry is a value, the installed plugins are only its default."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Any

import pluggy

from actions_engine import hookspecs
from actions_engine.call import SentCall
from actions_engine.destination import Destination
from actions_engine.errors import PLUGIN_RAISES, PluginError
from actions_engine.functions import Function, Library, function
from actions_engine.hookspecs import PROJECT, Drop
from actions_engine.outcome import Outcome

ENTRY_POINT_GROUP = "actions_engine"


@dataclass(frozen=True, slots=True)
class BrokenPlugin:
    """A plugin that was left out.

    Attributes:
        plugin: Its entry point's name.
        distribution: The installed package that brings it, with its version; empty where unknown.
        cause: What went wrong.
    """

    plugin: str
    distribution: str
    cause: str

    def __str__(self) -> str:
        origin = f" (from {self.distribution})" if self.distribution else ""
        return f"plugin {self.plugin}{origin} was left out: {self.cause}"


class Registry:
    """Destinations, functions and hooks by name.

    `Registry([segment, slack])` holds just these destinations; `Registry.from_entry_points()` what is installed.

    Attributes:
        destinations: By name.
        library: JMESPath's functions, this package's and the plugins'.
        broken: Plugins that were left out, each with the cause.
    """

    def __init__(self, destinations: Iterable[Destination] = (), functions: Iterable[Callable[..., Any]] = ()) -> None:
        self._hooks = pluggy.PluginManager(PROJECT)
        self._hooks.add_hookspecs(hookspecs)
        self._destinations: dict[str, Destination] = {}
        self.broken: tuple[BrokenPlugin, ...] = ()
        self.library = Library.standard()
        for destination in destinations:
            self._add_destination(self._destinations, destination)
        if made := [function(implementation) for implementation in functions]:
            self.library = self.library.with_functions(made)

    @property
    def destinations(self) -> Mapping[str, Destination]:
        """The destinations by name."""
        return MappingProxyType(self._destinations)

    @classmethod
    def from_entry_points(cls, group: str = ENTRY_POINT_GROUP) -> Registry:
        """Return a registry of the installed plugins; one that fails is reported in `broken` and stops nothing else."""
        registry = cls()
        # pluggy's own loader stops at the first plugin that fails to import.
        for entry_point in sorted(entry_points(group=group), key=lambda entry: entry.name):
            distribution = _distribution(entry_point)
            try:
                plugin = entry_point.load()
            except PLUGIN_RAISES as error:
                registry._leave_out(entry_point.name, distribution, f"it does not import: {_cause(error)}")
            else:
                registry._add_plugin(plugin, entry_point.name, distribution)
        return registry

    @classmethod
    def from_plugins(cls, plugins: Mapping[str, object]) -> Registry:
        """Return a registry of these modules or objects by name, treated as installed plugins are."""
        registry = cls()
        for name, plugin in sorted(plugins.items()):
            registry._add_plugin(plugin, name, "")
        return registry

    @property
    def filters_events(self) -> bool:
        """Whether some plugin implements `before_route`."""
        return bool(self._hooks.hook.before_route.get_hookimpls())

    def before_route(self, event: dict[str, Any]) -> dict[str, Any] | Drop:
        """Ask the plugins for the event to route.

        Raises:
            PluginError: a hook raised or returned what is neither an event, a Drop nor None.
        """
        for hook in sorted(self._hooks.hook.before_route.get_hookimpls(), key=lambda hook: hook.plugin_name):
            try:
                answer = hook.function(event)
            except PLUGIN_RAISES as error:
                raise PluginError(hook.plugin_name, f"before_route raised {_cause(error)}") from error
            if isinstance(answer, Drop):
                return answer
            if isinstance(answer, dict):
                event = answer
            elif answer is not None:
                raise PluginError(
                    hook.plugin_name,
                    f"before_route returned {type(answer).__name__}; it returns an event, a Drop or None",
                )
        return event

    @property
    def hears_outcomes(self) -> bool:
        """Whether some plugin implements `after_delivery`."""
        return bool(self._hooks.hook.after_delivery.get_hookimpls())

    def after_delivery(self, call: SentCall, outcome: Outcome) -> list[PluginError]:
        """Tell the plugins what became of a call; return what those raised that failed."""
        errors: list[PluginError] = []
        for hook in self._hooks.hook.after_delivery.get_hookimpls():
            try:
                hook.function(
                    **{name: value for name, value in (("call", call), ("outcome", outcome)) if name in hook.argnames}
                )
            except PLUGIN_RAISES as error:
                errors.append(PluginError(hook.plugin_name, f"after_delivery raised {_cause(error)}"))
        return errors

    def _add_plugin(self, plugin: object, name: str, distribution: str) -> None:
        # Nothing of a plugin that fails half-way is kept: its parts are collected first.
        destinations: dict[str, Destination] = dict(self._destinations)
        functions: list[Function] = []
        try:
            self._hooks.register(plugin, name=name)
            self._hooks.check_pending()
            registering = self._own_hooks("register_destinations", name)
            for hook in registering:
                hook.function(lambda destination: self._add_destination(destinations, destination))
            if not registering:
                for destination in _own_destinations(plugin):
                    self._add_destination(destinations, destination)
            for hook in self._own_hooks("register_functions", name):
                hook.function(lambda implementation: functions.append(function(implementation)))
            library = self.library.with_functions(functions) if functions else self.library
        except PLUGIN_RAISES as error:
            if self._hooks.has_plugin(name):
                self._hooks.unregister(name=name)
            self._leave_out(name, distribution, _cause(error))
        else:
            self._destinations = destinations
            self.library = library

    def _own_hooks(self, hook: str, plugin: str) -> list[Any]:
        return [impl for impl in getattr(self._hooks.hook, hook).get_hookimpls() if impl.plugin_name == plugin]

    @staticmethod
    def _add_destination(destinations: dict[str, Destination], destination: Destination) -> None:
        if not isinstance(destination, Destination):
            raise PluginError(str(destination), f"register() takes a Destination, not {type(destination).__name__}")
        if destination.name in destinations:
            raise PluginError(destination.name, "another plugin registers a destination of this name")
        destinations[destination.name] = destination

    def _leave_out(self, plugin: str, distribution: str, cause: str) -> None:
        self.broken = (*self.broken, BrokenPlugin(plugin, distribution, cause))


def _own_destinations(plugin: object) -> list[Destination]:
    """Return the destinations at the top of a module that has no hook to register them."""
    found = [value for value in vars(plugin).values() if isinstance(value, Destination)]
    return list(dict.fromkeys(found))


def _distribution(entry_point: EntryPoint) -> str:
    return f"{entry_point.dist.name} {entry_point.dist.version}" if entry_point.dist else ""


def _cause(error: BaseException) -> str:
    text = str(error).strip().replace("\n", " ")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
