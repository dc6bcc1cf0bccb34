"""How calls are delivered to a destination: the `delivery:` key of a mapping file, its defaults given by the plugin."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from actions_engine.language.durations import read_duration
from actions_engine.request import Secret

#: What `proxy` says where the environment knows.
ENVIRONMENT = "environment"

Duration = Annotated[float, BeforeValidator(read_duration)]


class DeliverySettings(BaseModel):
    """How the calls of one destination instance are delivered; durations in seconds or as text such as `24h`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ordering: Annotated[
        Literal["none", "user"],
        Field(description="`user` keeps each user's calls in the order of their events; `none` promises no order."),
    ] = "none"
    concurrency: Annotated[int, Field(ge=1, le=1000, description="Requests under way at once.")] = 4
    max_requests_per_second: Annotated[float | None, Field(gt=0, description="Requests started in a second.")] = None
    max_records_per_minute: Annotated[
        float | None, Field(gt=0, description="Records sent in a minute, counted as the action's batch policy does.")
    ] = None
    timeout: Annotated[Duration, Field(gt=0, le=3600, description="For one request, its answer's body included.")] = (
        30.0
    )
    proxy: Annotated[
        Secret | None,
        Field(description="A proxy's URL; `environment` reads HTTP_PROXY, HTTPS_PROXY and NO_PROXY. None by default."),
    ] = None
    allow_private: Annotated[
        bool, Field(description="Whether a URL that an event names may lead into a private network.")
    ] = False
    retry_window: Annotated[
        Duration, Field(ge=0, description="How long a call is tried again, from when its event was accepted.")
    ] = 86400.0
    max_attempts: Annotated[
        int | None, Field(ge=1, description="How often at most; within the window as often as it takes by default.")
    ] = None
    first_wait: Annotated[Duration, Field(gt=0, description="The longest wait before the second attempt.")] = 1.0
    longest_wait: Annotated[Duration, Field(gt=0, description="The longest wait between two attempts.")] = 1800.0


def proxy_fault(proxy: str) -> str:
    """Return what is wrong with a proxy's URL; empty where nothing is."""
    try:
        parts = urlsplit(proxy)
        # Reading the port checks it.
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_url = False
    return "" if is_url else f"a proxy is a URL such as http://proxy.example.com:3128, or `{ENVIRONMENT}`"
