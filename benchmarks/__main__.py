"""``python -m benchmarks NAME [--json FILE] [--plot DIR]``, NAME one of `BENCHMARKS` or all."""

import argparse
import sys
from pathlib import Path

from benchmarks import accuracy, adding, backends, forecasting, sentiment, speed, tagging
from benchmarks.table import machine, write_json

BENCHMARKS = {
    "speed": speed,
    "accuracy": accuracy,
    "adding": adding,
    "tagging": tagging,
    "sentiment": sentiment,
    "forecasting": forecasting,
    "backends": backends,
}


def main() -> int:
    """Run the chosen benchmarks one after the other."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("name", choices=[*BENCHMARKS, "all"])
    parser.add_argument("--json", metavar="FILE", help="write the rows there too")
    parser.add_argument("--plot", metavar="DIR", help="draw pictures there, of those that have one")
    options = parser.parse_args()
    print("  ".join(f"{key} {value}" for key, value in machine().items()))
    results = {}
    for name, benchmark in BENCHMARKS.items():
        if options.name in (name, "all"):
            found = benchmark.run()
            results |= found
            if options.plot and hasattr(benchmark, "draw"):
                folder = Path(options.plot)
                folder.mkdir(parents=True, exist_ok=True)
                print(f"picture {benchmark.draw(found, folder)}")
    if options.json:
        write_json(options.json, results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
