"""The command line: ``python -m benchmarks NAME``, or ``report FILES`` for the results page.

Without a name it lists the benchmarks. ``--peers`` adds the other toolkits that are installed,
``--json FILE`` keeps the rows for the results page, ``--plot DIR`` draws the pictures.
"""

import argparse
import inspect
import sys
from pathlib import Path
from types import ModuleType

from benchmarks import catalog, report
from benchmarks.table import Row, machine, write_json


def main(arguments: list[str] | None = None) -> int:
    """Run the chosen benchmarks one after the other, or write the results page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("name", nargs="?", choices=[*catalog.BENCHMARKS, "all", "report"])
    parser.add_argument("files", nargs="*", help="for report: what --json wrote; later ones win")
    parser.add_argument("--peers", action="store_true", help="measure other toolkits too")
    parser.add_argument("--json", metavar="FILE", help="write the rows there too")
    parser.add_argument("--plot", metavar="DIR", help="draw pictures there, of those that have one")
    options = parser.parse_args(arguments)
    if (options.name == "report") != bool(options.files):
        parser.error("report needs the JSON files to show, and nothing else takes files.")
    if options.name is None:
        _list()
    elif options.name == "report":
        if options.peers or options.json or options.plot:
            parser.error("report takes JSON files and no options.")
        print(report.write([Path(file) for file in options.files]))
    else:
        names = catalog.BENCHMARKS if options.name == "all" else (options.name,)
        modules = {name: catalog.load(name) for name in names}
        if options.peers and not any(map(_has_peers, modules.values())):
            parser.error(f"--peers says nothing to {options.name}: it has no choice of peers.")
        if options.json:
            Path(options.json).touch()  # a wrong path is told before hours of work
        _run(modules, options)
    return 0


def _run(modules: dict[str, ModuleType], options: argparse.Namespace) -> None:
    print("  ".join(f"{key} {value}" for key, value in machine().items()))
    results: dict[str, dict[str, list[Row]]] = {}
    for name, benchmark in modules.items():
        takes = {"peers": options.peers} if _has_peers(benchmark) else {}
        results[name] = benchmark.run(**takes)
        if options.json:
            write_json(options.json, results)  # after each, for a later one may fail
        if options.plot and hasattr(benchmark, "draw"):
            folder = Path(options.plot)
            folder.mkdir(parents=True, exist_ok=True)
            print(f"picture {benchmark.draw(results[name], folder)}")


def _has_peers(benchmark: ModuleType) -> bool:
    return "peers" in inspect.signature(benchmark.run).parameters


def _list() -> None:
    for name in catalog.BENCHMARKS:
        print(f"{name:<15} {catalog.text(name).splitlines()[0]}")


if __name__ == "__main__":
    sys.exit(main())
