"""`python -m tests.bench.jq_lines FILE`: what `actions-engine route` does, done by libjq line by line."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.bench.rivals import with_jq_text


def main() -> None:
    """Run the two mappings on each line and write what they make."""
    run = with_jq_text()
    with Path(sys.argv[1]).open(encoding="utf-8") as lines:
        for line in lines:
            if found := run(line):
                sys.stdout.write(found + "\n")


if __name__ == "__main__":
    main()
