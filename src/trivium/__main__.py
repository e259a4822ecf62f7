"""``python -m trivium``: the `trivium` command where no script is installed."""

from trivium.cli import main

main()
