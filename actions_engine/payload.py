"""Payload: what one call tells an action, as a pydantic model whose fields know where their values come from."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, ClassVar, Self, cast

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, core_schema


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


# Older releases of pydantic know it of lists alone.
_STOPPING = frozenset({"list", "set", "frozenset", "tuple"}) | (
    {"dict"} if "fail_fast" in inspect.signature(core_schema.dict_schema).parameters else set()
)


def _stopping(schema: Any, *, tells_each: bool) -> Any:
    """Return a schema of pydantic-core whose lists and dicts stop at their first faulty item; the outermost may not."""
    if isinstance(schema, (list, tuple)):
        return type(schema)(_stopping(part, tells_each=tells_each) for part in schema)
    if not isinstance(schema, dict):
        return schema
    kind = schema.get("type")
    # In a dict of fields, `type` is the name of a field.
    is_schema, is_many = isinstance(kind, str), isinstance(kind, str) and kind in _STOPPING
    known = {
        name: part
        if is_schema and name in ("metadata", "default", "cls")
        else _stopping(part, tells_each=tells_each and not is_many)
        for name, part in schema.items()
    }
    return known | {"fail_fast": not tells_each} if is_many else known


class Payload(BaseModel):
    """What one call tells an action: pydantic fields, each with a type, a description and a default expression.

    Unknown fields are refused. A number is taken for text where text is expected, as ids often are numbers.
    """

    model_config = ConfigDict(
        extra="forbid", coerce_numbers_to_str=True, hide_input_in_errors=True, protected_namespaces=()
    )

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler, /) -> CoreSchema:
        # A list of a million faulty items would cost a gigabyte of errors: a list is left at its first fault.
        return cast(CoreSchema, _stopping(handler(source), tells_each=cls._tells_each))

    @classmethod
    def __pydantic_init_subclass__(cls, **_options: Any) -> None:
        for info in cls.model_fields.values():
            if (marker := default_of(info)) is not None and marker.description and not info.description:
                info.description = marker.description

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
