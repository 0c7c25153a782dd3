"""The command line, ``python -m seqlearn COMMAND``: only the arguments are read here."""

import argparse
import sys

from seqlearn.commands.backends import backends
from seqlearn.commands.demo import demo
from seqlearn.errors import SeqlearnError


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m seqlearn", description="Sequence models that are scikit-learn estimators."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    demo_parser = commands.add_parser("demo", help="classify and forecast real data")
    demo_parser.add_argument("--jobs", type=int, default=2, help="parallel fits (default: 2)")
    demo_parser.add_argument("--plot", metavar="FILE", help="draw the forecast into a picture")
    commands.add_parser("backends", help="list the installed backends, and which are broken")
    options = parser.parse_args(arguments)
    try:
        return demo(options.jobs, options.plot) if options.command == "demo" else backends()
    except (SeqlearnError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
