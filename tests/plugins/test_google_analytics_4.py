"""Google Analytics 4: streams, envelopes, parameters."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from actions_engine_google_analytics_4 import GoogleAnalyticsSettings, google
from tests.plugins.steps import run

WEB = {"api_secret": "ga-secret", "measurement_id": "G-1"}


def test_what_is_not_a_parameter_stands_in_the_envelope() -> None:
    """User, time, user properties and consent stand beside the event; further parameters inside it."""
    payload = {
        "client_id": "c1", "user_id": "u1", "timestamp": "2026-03-02T10:00:00.5Z", "user_properties": {"plan": "pro"},
        "ad_user_data": "GRANTED", "session_id": "77", "params": {"colour": "red"}, "event_name": "My  event",
    }  # fmt: skip
    requests, _ = run(google, "custom_event", WEB, [payload])
    assert requests[0].full_url().endswith("/mp/collect?api_secret=ga-secret&measurement_id=G-1")
    assert requests[0].json == {
        "client_id": "c1",
        "user_id": "u1",
        "timestamp_micros": 1772445600500000,
        "user_properties": {"plan": {"value": "pro"}},
        "consent": {"ad_user_data": "GRANTED"},
        "events": [{"name": "My_event", "params": {"colour": "red", "session_id": "77", "engagement_time_msec": 1}}],
    }


def test_an_app_stream_knows_app_instances() -> None:
    """With a Firebase app id, the id is the app instance's."""
    settings = {"api_secret": "s", "firebase_app_id": "1:2:android:3", "region": "eu"}
    requests, _ = run(google, "login", settings, [{"client_id": "c1"}])
    assert str(requests[0].url).startswith("https://region1.google-analytics.com")
    assert requests[0].json["app_instance_id"] == "c1"


@pytest.mark.parametrize("ids", [{}, {"measurement_id": "G-1", "firebase_app_id": "1:2"}])
def test_a_stream_has_one_id(ids: dict[str, str]) -> None:
    """Neither or both ids are refused."""
    with pytest.raises(ValidationError, match="give one of"):
        GoogleAnalyticsSettings.model_validate({"api_secret": "s", **ids})


def test_every_recommended_event_is_an_action() -> None:
    """All 35 recommended events of the reference are there, and pages, screens and custom events."""
    assert len(google.actions) == 38
