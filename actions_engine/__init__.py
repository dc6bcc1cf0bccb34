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
    from actions_engine.batch import CallRejection, Requests
    from actions_engine.call import Call, Fault, Rejection, Routing, SentCall
    from actions_engine.delivery.blocking import DeliveryThread
    from actions_engine.delivery.delivery import Delivery
    from actions_engine.delivery.metrics import Metrics
    from actions_engine.delivery.receipt import Receipt, Refusal, Waiting
    from actions_engine.delivery_settings import DeliverySettings
    from actions_engine.destination import (
        Action,
        Batch,
        Destination,
        Preset,
        RegionalSettings,
        Settings,
        Steps,
        Transport,
    )
    from actions_engine.engine import Engine
    from actions_engine.errors import (
        ActionsEngineError,
        FunctionError,
        InputError,
        LanguageError,
        Location,
        MappingError,
        PluginError,
        Problem,
        StoreError,
    )
    from actions_engine.explain import ConditionTrace, Explanation, FieldTrace, MappingTrace
    from actions_engine.field_types import (
        City,
        Consent,
        Country,
        Currency,
        Email,
        HashedBirthday,
        HashedCity,
        HashedCountry,
        HashedEmail,
        HashedGender,
        HashedName,
        HashedPhone,
        HashedPlusPhone,
        HashedPostalCode,
        HashedState,
        HashedText,
        Money,
        Number,
        Phone,
        PostalCode,
        Product,
        Quantity,
        State,
        Timestamp,
        UnixMillis,
        UnixSeconds,
    )
    from actions_engine.functions.library import Function, Library
    from actions_engine.hookspecs import Drop, hookimpl
    from actions_engine.mapping import Example, Instance, Mapping
    from actions_engine.note import Note
    from actions_engine.outcome import Outcome
    from actions_engine.payload import (
        Exact,
        From,
        JsonArray,
        JsonObject,
        Markup,
        Part,
        Payload,
        at_least_one_of,
        turned_into,
    )
    from actions_engine.registry import BrokenPlugin, Registry
    from actions_engine.request import Request, Response, Secret, compact, encode_json
    from actions_engine.spec.currencies import minor_units
    from actions_engine.spec.facts import Fact
    from actions_engine.store.contract import LedgerRow, Pause

# Where each public name lives. They are imported when first used, as pydantic alone takes longer to import than the
# whole of a short command should: https://peps.python.org/pep-0562/
_HOMES = {
    "Action": "destination",
    "ActionsEngineError": "errors",
    "Batch": "destination",
    "BrokenPlugin": "registry",
    "Call": "call",
    "CallRejection": "batch",
    "ConditionTrace": "explain",
    "Currency": "field_types",
    "Delivery": "delivery.delivery",
    "DeliverySettings": "delivery_settings",
    "DeliveryThread": "delivery.blocking",
    "Destination": "destination",
    "Drop": "hookspecs",
    "Email": "field_types",
    "Engine": "engine",
    "Example": "mapping",
    "Explanation": "explain",
    "Fact": "spec.facts",
    "Fault": "call",
    "FieldTrace": "explain",
    "From": "payload",
    "Function": "functions.library",
    "FunctionError": "errors",
    "HashedEmail": "field_types",
    "HashedPhone": "field_types",
    "City": "field_types",
    "Consent": "field_types",
    "Country": "field_types",
    "HashedBirthday": "field_types",
    "HashedCity": "field_types",
    "HashedCountry": "field_types",
    "HashedGender": "field_types",
    "HashedName": "field_types",
    "HashedPlusPhone": "field_types",
    "HashedPostalCode": "field_types",
    "HashedState": "field_types",
    "Money": "field_types",
    "PostalCode": "field_types",
    "Quantity": "field_types",
    "State": "field_types",
    "Exact": "payload",
    "Markup": "payload",
    "turned_into": "payload",
    "Note": "note",
    "HashedText": "field_types",
    "InputError": "errors",
    "Instance": "mapping",
    "JsonArray": "payload",
    "JsonObject": "payload",
    "LanguageError": "errors",
    "LedgerRow": "store.contract",
    "Library": "functions.library",
    "Location": "errors",
    "Mapping": "mapping",
    "MappingError": "errors",
    "MappingTrace": "explain",
    "Metrics": "delivery.metrics",
    "Number": "field_types",
    "Outcome": "outcome",
    "Part": "payload",
    "Pause": "store.contract",
    "Payload": "payload",
    "Phone": "field_types",
    "PluginError": "errors",
    "Preset": "destination",
    "Problem": "errors",
    "Product": "field_types",
    "Receipt": "delivery.receipt",
    "Refusal": "delivery.receipt",
    "RegionalSettings": "destination",
    "Registry": "registry",
    "Rejection": "call",
    "Request": "request",
    "Requests": "batch",
    "Response": "request",
    "Routing": "call",
    "Secret": "request",
    "SentCall": "call",
    "Settings": "destination",
    "Steps": "destination",
    "StoreError": "errors",
    "Timestamp": "field_types",
    "Transport": "destination",
    "UnixMillis": "field_types",
    "UnixSeconds": "field_types",
    "Waiting": "delivery.receipt",
    "at_least_one_of": "payload",
    "compact": "request",
    "encode_json": "request",
    "hookimpl": "hookspecs",
    "minor_units": "spec.currencies",
}

__all__ = [
    "Action",
    "ActionsEngineError",
    "Batch",
    "BrokenPlugin",
    "Call",
    "CallRejection",
    "City",
    "ConditionTrace",
    "Consent",
    "Country",
    "Currency",
    "Delivery",
    "DeliverySettings",
    "DeliveryThread",
    "Destination",
    "Drop",
    "Email",
    "Engine",
    "Exact",
    "Example",
    "Explanation",
    "Fact",
    "Fault",
    "FieldTrace",
    "From",
    "Function",
    "FunctionError",
    "HashedBirthday",
    "HashedCity",
    "HashedCountry",
    "HashedEmail",
    "HashedGender",
    "HashedName",
    "HashedPhone",
    "HashedPlusPhone",
    "HashedPostalCode",
    "HashedState",
    "HashedText",
    "InputError",
    "Instance",
    "JsonArray",
    "JsonObject",
    "LanguageError",
    "LedgerRow",
    "Library",
    "Location",
    "Mapping",
    "MappingError",
    "MappingTrace",
    "Markup",
    "Metrics",
    "Money",
    "Note",
    "Number",
    "Outcome",
    "Part",
    "Pause",
    "Payload",
    "Phone",
    "PluginError",
    "PostalCode",
    "Preset",
    "Problem",
    "Product",
    "Quantity",
    "Receipt",
    "Refusal",
    "RegionalSettings",
    "Registry",
    "Rejection",
    "Request",
    "Requests",
    "Response",
    "Routing",
    "Secret",
    "SentCall",
    "Settings",
    "State",
    "Steps",
    "StoreError",
    "Timestamp",
    "Transport",
    "UnixMillis",
    "UnixSeconds",
    "Waiting",
    "at_least_one_of",
    "compact",
    "encode_json",
    "hookimpl",
    "minor_units",
    "turned_into",
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
