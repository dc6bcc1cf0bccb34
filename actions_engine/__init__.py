"""Actions engine: one customer event in, validated calls for many destinations out.

from actions_engine import Engine

engine = Engine.load("mappings/")
routing = engine.route({"type": "track", "event": "Button Clicked", "userId": "AiUGstSDIg"})
for call in routing.calls:
    print(call.destination, call.action, call.payload)
for request in engine.requests(routing.calls):
    print(request.as_dict())
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from actions_engine.call import Call, Fault, Outcome, Rejection, Routing
    from actions_engine.delivery.delivery import Delivery
    from actions_engine.delivery_settings import DeliverySettings
    from actions_engine.destination import (
        Action,
        Batch,
        Destination,
        Settings,
        Transport,
    )
    from actions_engine.engine import Engine
    from actions_engine.errors import (
        ActionsEngineError,
        FunctionError,
        Location,
        MappingError,
        PluginError,
        Problem,
        StoreError,
    )
    from actions_engine.explain import Explanation
    from actions_engine.field_types import (
        Currency,
        Email,
        HashedEmail,
        HashedPhone,
        HashedText,
        Number,
        Phone,
        Product,
        Timestamp,
        UnixMillis,
        UnixSeconds,
    )
    from actions_engine.hookspecs import Drop, hookimpl
    from actions_engine.payload import From, JsonArray, JsonObject, Part, Payload, at_least_one_of
    from actions_engine.registry import BrokenPlugin, Registry
    from actions_engine.request import Request, Response, Secret, encode_json

# Where each public name lives. They are imported when first used, as pydantic alone takes longer to import than the
# whole of a short command should: https://peps.python.org/pep-0562/
_HOMES = {
    "Action": "destination",
    "ActionsEngineError": "errors",
    "Batch": "destination",
    "BrokenPlugin": "registry",
    "Call": "call",
    "Currency": "field_types",
    "Delivery": "delivery.delivery",
    "DeliverySettings": "delivery_settings",
    "Destination": "destination",
    "Drop": "hookspecs",
    "Email": "field_types",
    "Engine": "engine",
    "Explanation": "explain",
    "Fault": "call",
    "From": "payload",
    "FunctionError": "errors",
    "HashedEmail": "field_types",
    "HashedPhone": "field_types",
    "HashedText": "field_types",
    "JsonArray": "payload",
    "JsonObject": "payload",
    "Location": "errors",
    "MappingError": "errors",
    "Number": "field_types",
    "Outcome": "call",
    "Part": "payload",
    "Payload": "payload",
    "Phone": "field_types",
    "PluginError": "errors",
    "Problem": "errors",
    "Product": "field_types",
    "Registry": "registry",
    "Rejection": "call",
    "Request": "request",
    "Response": "request",
    "Routing": "call",
    "Secret": "request",
    "Settings": "destination",
    "StoreError": "errors",
    "Timestamp": "field_types",
    "Transport": "destination",
    "UnixMillis": "field_types",
    "UnixSeconds": "field_types",
    "at_least_one_of": "payload",
    "encode_json": "request",
    "hookimpl": "hookspecs",
}

__all__ = [
    "Action",
    "ActionsEngineError",
    "Batch",
    "BrokenPlugin",
    "Call",
    "Currency",
    "Delivery",
    "DeliverySettings",
    "Destination",
    "Drop",
    "Email",
    "Engine",
    "Explanation",
    "Fault",
    "From",
    "FunctionError",
    "HashedEmail",
    "HashedPhone",
    "HashedText",
    "JsonArray",
    "JsonObject",
    "Location",
    "MappingError",
    "Number",
    "Outcome",
    "Part",
    "Payload",
    "Phone",
    "PluginError",
    "Problem",
    "Product",
    "Registry",
    "Rejection",
    "Request",
    "Response",
    "Routing",
    "Secret",
    "Settings",
    "StoreError",
    "Timestamp",
    "Transport",
    "UnixMillis",
    "UnixSeconds",
    "at_least_one_of",
    "encode_json",
    "hookimpl",
]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
