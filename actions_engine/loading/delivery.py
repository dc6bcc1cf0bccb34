"""A mapping file's `delivery:` over the plugin's defaults -> how the calls of the instance are delivered."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

from actions_engine.delivery_settings import ENVIRONMENT, DeliverySettings, proxy_fault
from actions_engine.destination import Destination
from actions_engine.loading.environment import AnyVariable, expand
from actions_engine.loading.source import Node, Source
from actions_engine.wording import did_you_mean


def read_delivery(source: Source, root: Node, destination: Destination, environ: Mapping[str, str]) -> DeliverySettings:
    """Read a file's `delivery:` over the plugin's defaults, `${VAR}` replaced; problems go to `source`."""
    defaults = destination.delivery
    node = root.value.get("delivery")
    if node is None:
        return defaults
    if not node.is_mapping:
        source.problem(
            "delivery-shape",
            f"`delivery` is a mapping, not {node.kind()}",
            node,
            hint="for example `delivery: {ordering: user}`",
        )
        return defaults
    values = defaults.model_dump(exclude_unset=True) | expand(source, node, environ)
    try:
        settings = DeliverySettings.model_validate(values)
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_input=False, include_context=False):
            name = str(fault["loc"][0])
            if fault["type"] == "extra_forbidden":
                source.problem(
                    "unknown-key",
                    f"`delivery` has no key {name!r}",
                    node.keys[name],
                    hint=did_you_mean(name, DeliverySettings.model_fields),
                )
            else:
                message = fault["msg"].removeprefix("Value error, ")
                source.problem("delivery-value", f"delivery {name!r}: {message}", node.value.get(name, node))
    else:
        proxy = settings.proxy.reveal() if settings.proxy is not None else ""
        # What stands in for a variable that is not at hand is no URL.
        if proxy not in ("", ENVIRONMENT) and not isinstance(environ, AnyVariable) and (told := proxy_fault(proxy)):
            source.problem("delivery-value", f"delivery 'proxy': {told}", node.value.get("proxy", node))
        return settings
    return defaults
