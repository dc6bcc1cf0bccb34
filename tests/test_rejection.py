"""A rejection is short, and found quickly, whatever the event holds."""

from __future__ import annotations

import gc
import json
import time
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import ValidationError

from actions_engine import Destination, Engine, From, Part, Payload, Registry, Request, Settings, at_least_one_of


class Product(Part):
    """A product with two fields that it must have."""

    id: str
    price: float
    tags: list[str] | None = None


class Line(Part):
    """A line with one of two ids."""

    sku: str | None = None
    product_id: str | None = None
    identified = at_least_one_of("sku", "product_id")


class Who(Payload):
    """Lines, each by an id."""

    lines: Annotated[list[Line], From("properties.lines")]


class Order(Payload):
    """An order's products, as the event has them."""

    products: Annotated[list[Product] | None, From("properties.products")] = None
    counts: Annotated[dict[str, int] | None, From("properties.counts")] = None
    first: Annotated[Product | None, From("properties.first")] = None
    codes: Annotated[list[int] | None, From("properties.codes")] = None


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """One mapping that takes products as they are."""
    shop = Destination("shop")

    @shop.action(trigger="type != null")
    def order(_settings: Settings, payload: Order) -> Request:
        """Take an order."""
        return Request.post("https://shop.test/orders", json=payload.body())

    file = {"destination": "shop", "invalid": "reject", "mappings": [{"name": "Orders", "action": "order"}]}
    (tmp_path / "shop.yaml").write_text(json.dumps(file))
    return Engine.load(tmp_path, registry=Registry([shop]), environ={})


def _event(**properties: Any) -> dict[str, Any]:
    return {"type": "track", "event": "Order Completed", "properties": properties}


def _faults(engine: Engine, event: dict[str, Any]) -> list[str]:
    """Return the faults of the one rejection, and check that `explain` tells the same and the reason is short."""
    (rejection,) = engine.route(event).rejections
    (trace,) = engine.explain(event).mappings
    assert trace.rejection == rejection
    assert len(rejection.reason) <= 2_000
    return [str(fault) for fault in rejection.faults]


def test_each_fault_of_a_few_is_told(engine: Engine) -> None:
    """Every faulty item of a short list is told, in the order of the list."""
    products = [{}, {"id": "a", "price": 1}, {"id": "b", "price": "dear"}]
    faults = _faults(engine, _event(products=products))
    assert [fault.partition(" ")[0] for fault in faults] == ["products.0.id", "products.0.price", "products.2.price"]


def test_twenty_faults_are_told_and_the_number_of_the_others(engine: Engine) -> None:
    """Of many faults the first twenty are told, then how many there are besides."""
    faults = _faults(engine, _event(products=[{}] * 500))
    assert len(faults) == 21
    assert faults[19].startswith("products.9.price is missing")
    assert faults[20] == "and 980 more faults"


@pytest.mark.parametrize(
    "properties",
    [
        {"products": [{}] * 1_000_000},
        {"products": ["x"] * 1_000_000},
        {"codes": ["x"] * 1_000_000},
        {"products": [{"id": "a", "price": 1, "tags": [{}] * 1_000_000}]},
        {"counts": {str(number): "x" for number in range(300_000)}},
        {"first": {str(number): "x" for number in range(300_000)}},
    ],
    ids=["empty", "text", "scalars", "inner", "dict", "unknown"],
)
def test_a_million_faults_are_rejected_at_once(engine: Engine, properties: dict[str, Any]) -> None:
    """A payload with a million faults is rejected at once, in few words."""
    start = time.process_time()
    (rejection,) = engine.route(_event(**properties)).rejections
    # Ten to sixty seconds it was; the machine may be busy with other tests.
    assert time.process_time() - start < 5
    assert 0 < len(rejection.faults) <= 21
    assert len(rejection.reason) <= 2_000


def test_a_long_list_is_told_with_its_length(engine: Engine) -> None:
    """Of a long list the first faulty item is told, and that the others were not read."""
    faults = _faults(engine, _event(products=[{"id": "a", "price": 1}] * 2_000 + [{}] * 3_000))
    assert [fault.partition(" ")[0] for fault in faults[:2]] == ["products.2000.id", "products.2000.price"]
    assert faults[2:] == ["a list of 5,000 items is not read beyond its first fault"]


def test_what_is_refused_is_let_go(tmp_path: Path) -> None:
    """A rejection by a validator keeps nothing of the event alive: pydantic's errors hold no frames."""
    shop = Destination("shop")

    @shop.action(trigger="type != null")
    def order(_settings: Settings, payload: Who) -> Request:
        """Take an order."""
        return Request.post("https://shop.test/orders", json=payload.body())

    (tmp_path / "shop.yaml").write_text("destination: shop\nmappings: [{name: Orders, action: order}]\n")
    engine = Engine.load(tmp_path, registry=Registry([shop]), environ={})
    for _ in range(50):
        assert not engine.route(_event(lines=[{}, {"sku": "a"}])).rejections
    gc.collect()
    assert sum(isinstance(one, ValidationError) for one in gc.get_objects()) < 10


def test_a_name_from_the_event_is_cut(engine: Engine) -> None:
    """The name of an unknown field, which the event gives, does not make a reason of its own length."""
    (fault,) = _faults(engine, _event(first={"id": "a", "price": 1, "n" * 1_000_000: 1}))
    assert len(fault) < 400


def test_missing_fields_are_told_beside_many_unknown_ones(engine: Engine) -> None:
    """What is missing in an object is told, however many fields it has that no model knows."""
    faults = _faults(engine, _event(first={"price": 1} | {str(number): 1 for number in range(20_000)}))
    assert faults[0].startswith("first.id is missing")
    assert faults[-1] == "and 19,981 more faults"
