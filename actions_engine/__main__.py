"""`python -m actions_engine` is the command `actions-engine`."""

from actions_engine.cli import main

main()
