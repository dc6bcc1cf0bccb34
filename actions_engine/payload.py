"""Payload: what one call tells an action, as a pydantic model whose fields know where their values come from."""

from __future__ import annotations

import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, ClassVar, Self, Union, cast, get_args, get_origin

from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from actions_engine.payload_schema import as_read


@dataclass(frozen=True, slots=True)
class From:
    """Where a payload field comes from, and what it is: `Annotated[str, From("userId", "Your id of the user.")]`.

    Attributes:
        expression: Its default, in JMESPath or as a template.
        description: What people read of the field; `Field(description=…)` says the same.
    """

    expression: str
    description: str = ""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        known: dict[str, Any] = handler(schema)
        return known | {"description": self.description} if self.description else known


class Exact:
    """Marks a type of which a wrong value is worse than no call: money, quantities, consent.

    `Annotated[int | float, Exact()]`: what cannot be read rejects the call even where the field is optional.
    """


class Markup:
    """Marks a field that a vendor reads as markup, such as Slack's: `Annotated[str, From(…), Markup()]`.

    What a mapping's expressions find in an event is escaped there (`escape_markup`); the text around the holes of its
    templates, and its literals, are the analyst's and stay. In objects and lists it is the `text` beside a literal
    `type: mrkdwn` that is markup, as in Slack's Block Kit.
    """


def turned_into(value: Any, reason: str) -> PydanticCustomError:
    """Return what a field's validator raises where it takes another value in place of the one given.

    The call goes out with that value and a note. Raise it for what a vendor would drop without a word, such as a name
    that is too long; the value must be one that the same validator takes.

    Args:
        value: What is sent.
        reason: Why, such as `Google Analytics takes at most 40 characters`; a text of the plugin's own.
    """
    return PydanticCustomError("turned_into", "{reason}", {"reason": reason, "into": value})


class _Shared:
    """Checks that a value is of a type and passes on the object itself, where pydantic would copy it."""

    def __init__(self, kind: type) -> None:
        self.kind = kind

    def __get_pydantic_core_schema__(self, _source: Any, _handler: Any) -> CoreSchema:
        known, name = (
            (core_schema.dict_schema(), "object") if self.kind is dict else (core_schema.list_schema(), "list")
        )
        # A payload read back from JSON has nothing to share: pydantic's own schema serves there.
        return core_schema.json_or_python_schema(
            json_schema=known,
            python_schema=core_schema.custom_error_schema(
                core_schema.is_instance_schema(self.kind),
                custom_error_type=f"{name}_expected",
                custom_error_message=f"Input should be {'an object' if name == 'object' else 'a list'}",
            ),
        )

    def __get_pydantic_json_schema__(self, _schema: Any, _handler: Any) -> dict[str, Any]:
        return {"type": "object" if self.kind is dict else "array"}


#: An object whose inside is the vendor's business; shared with the event, never copied.
JsonObject = Annotated[dict[str, Any], _Shared(dict)]
#: A list likewise.
JsonArray = Annotated[list[Any], _Shared(list)]


class Payload(BaseModel):
    """What one call tells an action: pydantic fields, each with a type, a description and a default expression.

    Unknown fields are refused. What a field's type reads is said in plugins/README.md: a whole number is taken for
    text, as ids often are numbers; blank text is no value.
    """

    model_config = ConfigDict(
        extra="forbid",
        hide_input_in_errors=True,
        protected_namespaces=(),
        allow_inf_nan=False,
        coerce_numbers_to_str=True,
    )

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler, /) -> CoreSchema:
        return cast(CoreSchema, as_read(handler(source), tells_each=cls._tells_each, is_part=cls._is_part))

    @classmethod
    def __pydantic_init_subclass__(cls, **_options: Any) -> None:
        for info in cls.model_fields.values():
            if (marker := default_of(info)) is not None and marker.description and not info.description:
                info.description = marker.description

    # Whether it is an object inside a payload.
    _is_part: ClassVar[bool] = False
    # Whether each faulty item of a list is told, and not the first alone: see `telling_each`.
    _tells_each: ClassVar[bool] = False

    # A slot and no pydantic field or private attribute: it costs nothing while events are routed.
    __slots__ = ("_idempotency_key",)

    @property
    def idempotency_key(self) -> str:
        """The call's idempotency key, for the place where the vendor deduplicates; empty outside a call."""
        try:
            return cast(str, object.__getattribute__(self, "_idempotency_key"))
        except AttributeError:
            return ""

    def bind(self, key: str) -> Self:
        """Set the idempotency key; the engine does so before it hands a payload to its action."""
        object.__setattr__(self, "_idempotency_key", key)
        return self

    def body(self, *, exclude: Sequence[str] = ()) -> dict[str, Any]:
        """Return the fields as the vendor should see them: null only where the mapping says null.

        Args:
            exclude: Fields that steer the request and are no part of its body.
        """
        given, values, extra = self.__pydantic_fields_set__, self.__dict__, self.__pydantic_extra__
        if len(given) == len(values) and not extra:
            body = values.copy()
        else:
            body = {name: value for name, value in values.items() if value is not None or name in given}
        for name in exclude:
            body.pop(name, None)
        # Nearly every value is JSON as it stands, which one look at the types of all tells.
        if not _PLAIN_TYPES.issuperset(map(type, body.values())):
            for name, value in body.items():
                if type(value) not in _PLAIN_TYPES:
                    body[name] = _plain(value)
        if extra:
            body |= {name: value for name, value in extra.items() if name not in exclude}
        return body


@cache
def telling_each(model: type[Payload]) -> type[Payload]:
    """Return a payload's model that tells each faulty item of a list, for lists that are known to be short."""
    telling: type[Payload] = type(model.__name__, (model,), {"_tells_each": True, "__module__": model.__module__})
    return telling


class Part(Payload):
    """An object inside a payload. Null in it is left out: what an expression selects and does not find is null."""

    _is_part: ClassVar[bool] = True

    def body(self, *, exclude: Sequence[str] = ()) -> dict[str, Any]:
        """Return the fields that have a value."""
        return {name: value for name, value in super().body(exclude=exclude).items() if value is not None}


_PLAIN_TYPES = frozenset({str, int, float, bool, dict, type(None)})


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        for item in value:
            if isinstance(item, BaseModel):
                return [_plain(item) for item in value]
        return value
    if isinstance(value, Payload):
        return value.body()
    if isinstance(value, BaseModel):
        return value.model_dump(exclude_unset=True)
    return value


@cache
def single_valued(model: type[Payload]) -> frozenset[str]:
    """Return the fields that take one value, such as text or a number, and neither an object nor a list."""
    return frozenset(name for name, info in model.model_fields.items() if _is_single(info.annotation))


def _is_single(annotation: Any) -> bool:
    leaves = list(_leaves(annotation))
    bare = [leaf for leaf in leaves if not isinstance(leaf, type) or not issubclass(leaf, _MANY)]
    return bool(bare) and Any not in leaves


def _leaves(annotation: Any) -> Iterator[Any]:
    """Yield the types that a field takes, but for null."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if hasattr(annotation, "__value__"):
        yield from _leaves(annotation.__value__)
    elif origin is Annotated:
        yield from _leaves(arguments[0])
    elif origin in (Union, types.UnionType):
        for argument in arguments:
            yield from _leaves(argument)
    elif annotation is not type(None):
        yield origin if isinstance(origin, type) else annotation


_MANY = (dict, list, set, frozenset, tuple, BaseModel)


def at_least_one_of(*names: str) -> Any:
    """Return a validator for a payload's class body: one of these fields must have a value.

    `_identified = at_least_one_of("user_id", "anonymous_id")`
    """

    def check(payload: Payload) -> Payload:
        if all(getattr(payload, name) is None for name in names):
            raise ValueError(f"at least one of {', '.join(names)} must have a value")
        return payload

    return model_validator(mode="after")(check)


def default_of(info: FieldInfo) -> From | None:
    """Return a payload field's From marker, if any."""
    return next((marker for marker in info.metadata if isinstance(marker, From)), None)
