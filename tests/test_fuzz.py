"""Odd events through every destination: the short version of what `make soak` does for 100,000 of them."""

from tests.soak.fuzz import fuzz


def test_no_event_raises_or_grows_a_long_reason() -> None:
    """500 odd events through every action of every destination: nothing raises, reasons stay short."""
    found = fuzz(500, is_fresh=False)
    assert found.cases >= 500
    assert found.calls > 1_000
    assert found.rejections > 500
    assert found.longest < 20_000
