"""A validated payload -> JSON for the store -> the same payload, without validating it a second time.

A payload's validators have done their work when it is stored, and they need not be idempotent: one that hashes would
hash the hash. So a payload is read back by its fields' plain types alone: text becomes an enum's member, a date or a
nested model again, and no function of the plugin's runs.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from pydantic import BaseModel, ConfigDict, PlainValidator, TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError

from actions_engine.payload import Part, Payload
from actions_engine.request import encode_json

# What JSON gives back as it was; nothing has to be converted.
_AS_IT_IS = (str, int, float, bool, dict, list, type(None), Any)


def write_payload(payload: Payload) -> bytes:
    """Return a payload as JSON: `Payload.body()`, secrets revealed, as the request to be built from it needs them.

    Raises:
        ValueError, TypeError: it cannot be written as JSON.
    """
    return encode_json(payload.body())


def read_payload(model: type[Payload], stored: bytes, renamed: typing.Mapping[str, str] | None = None) -> Payload:
    """Return the payload that was stored.

    Args:
        model: The action's payload model.
        stored: What `write_payload` returned.
        renamed: Fields' former names, where an older release of the plugin wrote it.

    Raises:
        ValueError: the model has changed so that it does not fit any more.
    """
    fields = msgspec.json.decode(stored)
    if isinstance(fields, dict) and (exact := _decimals(model)):
        digits = _EXACT.decode(stored)
        fields |= {name: digits[name] for name in exact if name in digits}
    if not isinstance(fields, dict):
        raise ValueError("a payload is an object")  # noqa: TRY004 - it is what was stored that is wrong
    if renamed:
        fields = {renamed.get(name, name): value for name, value in fields.items()}
    return typing.cast(Payload, _reader(model)(fields))


# Of a number with a point the digits, for fields that are Decimal.
_EXACT = msgspec.json.Decoder(float_hook=Decimal)


@cache
def _decimals(model: type[BaseModel]) -> tuple[str, ...]:
    """Return the fields that hold a Decimal, and no object or list: the digits of their numbers are kept."""
    kinds = {name: set(get_args(info.annotation)) or {info.annotation} for name, info in model.model_fields.items()}
    return tuple(name for name, kind in kinds.items() if Decimal in kind and kind <= {Decimal, type(None)})


class _ModelReader:
    """Rebuilds objects of one model from their plain form."""

    def __init__(self, model: type[BaseModel]) -> None:
        self.model = model
        self.extra = model.model_config.get("extra")
        self.known = frozenset(model.model_fields)
        self.required = [name for name, info in model.model_fields.items() if info.is_required()]
        # Those that need no copy are said outright: pydantic looks for each one anew.
        self.defaults = {
            name: info.default
            for name, info in model.model_fields.items()
            if info.default is None or isinstance(info.default, (str, int, float, bool, Enum))
            if not info.is_required() and info.default_factory is None
        }
        self.is_simple = (
            self.extra != "allow"
            and not model.__private_attributes__
            and model.model_post_init is BaseModel.model_post_init
        )
        self._converters: dict[str, Callable[[Any], Any] | None] | None = None

    def __call__(self, fields: Any) -> BaseModel:
        if not isinstance(fields, dict):
            raise ValueError(f"{self.model.__name__} is an object")  # noqa: TRY004 - pydantic reads ValueError alone
        if self._converters is None:
            # Not in the constructor: a model may hold itself.
            self._converters = {
                name: _converter(self.model, info.annotation) for name, info in self.model.model_fields.items()
            }
        if self.extra != "allow" and not self.known.issuperset(fields):
            unknown = [name for name in fields if name not in self.known]
            raise ValueError(f"{self.model.__name__} has no field {unknown[0]!r} any more")
        missing = [name for name in self.required if name not in fields]
        # A part's plain form leaves null out.
        if missing and not issubclass(self.model, Part):
            raise ValueError(f"{self.model.__name__} has a new required field {missing[0]!r}")
        # In the model's order, as it was before: a request that is made again is the same to the byte.
        values = {}
        for name, convert in self._converters.items():
            if name in fields:
                values[name] = fields[name] if convert is None else convert(fields[name])
            elif name in self.defaults:
                values[name] = self.defaults[name]
        if self.extra == "allow":
            values |= {name: value for name, value in fields.items() if name not in self.known}
        if len(values) == len(self.known) and self.is_simple:
            # What model_construct does where every field has a value, at a third of its cost.
            made: BaseModel = object.__new__(self.model)
            for name, value in (("__dict__", values), ("__pydantic_fields_set__", set(fields)),
                                ("__pydantic_extra__", None), ("__pydantic_private__", None)):  # fmt: skip
                object.__setattr__(made, name, value)
            return made
        # model_construct reads aliases too; the plain form has the fields' own names, which it takes first.
        return self.model.model_construct(_fields_set=set(fields), **values)


@cache
def _reader(model: type[BaseModel]) -> _ModelReader:
    return _ModelReader(model)


def _converter(model: type[BaseModel], annotation: Any) -> Callable[[Any], Any] | None:
    """Return what turns a field's JSON back into its type, None where JSON is what it was."""
    bare = _bare(annotation)
    if _is_plain(bare):
        return None
    if bare in (Decimal, Decimal | None):
        return lambda value: value if value is None or isinstance(value, Decimal) else Decimal(str(value))
    if isinstance(bare, type) and issubclass(bare, Enum) and not model.model_config.get("use_enum_values"):
        members = {member.value: member for member in bare}
        return lambda value: members.get(value, value) if isinstance(value, (str, int)) else value
    config = ConfigDict(arbitrary_types_allowed=True, use_enum_values=model.model_config.get("use_enum_values", False))
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(bare, config=config)
    except PydanticUserError:
        return None

    def convert(value: Any) -> Any:
        try:
            # JSON mode: a list becomes a set or a tuple, text a date, as the types say.
            return adapter.validate_json(encode_json(value))
        except ValidationError:
            if get_origin(bare) is Literal:
                raise ValueError("another literal") from None
            # A validator of the plugin's had made something of another type than the field names: it stays as it is.
            return value

    return convert


def _bare(annotation: Any) -> Any:
    """Return a type without the metadata that pydantic would run: validators, constraints, serializers."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return Annotated[Any, PlainValidator(_reader(annotation))]
    if hasattr(annotation, "__value__"):
        # `type Name = …` of Python 3.12.
        return _bare(annotation.__value__)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _bare(arguments[0])
    if origin is Literal or not arguments:
        return annotation
    if origin in (Union, types.UnionType):
        return Union[tuple(_bare(argument) for argument in arguments)]  # noqa: UP007 - made at run time
    if isinstance(origin, type) and issubclass(origin, Callable):  # type: ignore[arg-type]  # an ABC, at run time a class
        return annotation
    generic: Any = origin
    try:
        return generic[tuple(_bare(argument) if argument is not ... else ... for argument in arguments)]
    except TypeError:
        return annotation


def _is_plain(bare: Any) -> bool:
    if bare in _AS_IT_IS:
        return True
    origin, arguments = get_origin(bare), get_args(bare)
    if origin is Annotated:
        return False
    return origin in (dict, list, Union, types.UnionType) and all(map(_is_plain, arguments))
