"""The JMESPath project's compliance suite, by the compiled path."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from jmespath.exceptions import JMESPathError

from actions_engine.compiler.program import compile_expression
from actions_engine.errors import ExpressionError, FunctionError
from actions_engine.functions import Library
from actions_engine.language.expression import ExpressionParser

# The suite is the JMESPath project's own text: https://github.com/jmespath/jmespath.test. Name the folder of a copy.
SUITE = sorted(Path(os.environ.get("JMESPATH_COMPLIANCE", "/nonexistent")).glob("*.json"))


def cases() -> list[Any]:
    return [
        pytest.param(group["given"], case, id=f"{path.stem}:{case['expression'][:40]}")
        for path in SUITE
        for group in json.loads(path.read_text())
        for case in group["cases"]
        if "result" in case or "error" in case
    ]


@pytest.mark.skipif(not SUITE, reason="JMESPATH_COMPLIANCE names no folder of the suite")
@pytest.mark.filterwarnings("ignore:deprecated string literal syntax")
@pytest.mark.parametrize(("given", "case"), cases())
def test_case(given: Any, case: dict[str, Any]) -> None:
    """Each case of the suite gives its result or fails, as it says."""
    parser = ExpressionParser(Library.standard())
    if "error" in case:
        with pytest.raises((ExpressionError, JMESPathError, FunctionError)):
            compile_expression(parser.parse(case["expression"])).function(given)
    else:
        result = compile_expression(parser.parse(case["expression"])).function(given)
        assert json.dumps(result, sort_keys=True) == json.dumps(case["result"], sort_keys=True)
