"""The command line, ``python -m seqlearn COMMAND``: only the arguments are read here."""

import argparse
import sys

from seqlearn.commands.backends import backends, check
from seqlearn.commands.demo import demo
from seqlearn.commands.inspect import inspect
from seqlearn.commands.new_plugin import new_plugin
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
    demo_parser.set_defaults(run=lambda given: demo(given.jobs, given.plot))

    list_parser = commands.add_parser(
        "backends", help="list the installed backends, and which are broken"
    )
    list_parser.add_argument("--check", metavar="NAME", help="hold the contract up to this one")
    list_parser.set_defaults(run=lambda given: check(given.check) if given.check else backends())

    inspect_parser = commands.add_parser("inspect", help="say what is in a saved model")
    inspect_parser.add_argument("file", help="what seqlearn.save wrote")
    inspect_parser.set_defaults(run=lambda given: inspect(given.file))

    new_parser = commands.add_parser("new-plugin", help="write a plugin with a backend of your own")
    new_parser.add_argument("name", help="name of the backend, for example relu")
    new_parser.add_argument("--folder", default=".", help="where to write it (default: here)")
    new_parser.set_defaults(run=lambda given: new_plugin(given.name, given.folder))

    options = parser.parse_args(arguments)
    try:
        return options.run(options)
    except (SeqlearnError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
