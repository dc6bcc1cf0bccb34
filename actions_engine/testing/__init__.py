"""For plugin authors: the conformance suite, a misbehaving vendor, sample events.

    from actions_engine.testing import conformance
    from actions_engine_myvendor import myvendor

    test_conformance = conformance(myvendor)

Needs pytest. Nothing here touches a network but `Vendor`, which listens on loopback.
"""

from actions_engine.spec.samples import SAMPLES as SAMPLE_EVENTS
from actions_engine.testing.conformance import CHECKS, conformance
from actions_engine.testing.subject import Subject, requests_for
from actions_engine.testing.vendor import Answer, Received, Vendor

__all__ = ["CHECKS", "SAMPLE_EVENTS", "Answer", "Received", "Subject", "Vendor", "conformance", "requests_for"]
