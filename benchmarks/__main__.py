"""``python -m benchmarks NAME [--json FILE]``, NAME one of those in `BENCHMARKS` or all."""

import argparse
import sys

from benchmarks import accuracy, adding, forecasting, sentiment, speed, tagging
from benchmarks.table import machine, write_json

BENCHMARKS = {
    "speed": speed,
    "accuracy": accuracy,
    "adding": adding,
    "tagging": tagging,
    "sentiment": sentiment,
    "forecasting": forecasting,
}


def main() -> int:
    """Run the chosen benchmarks one after the other."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("name", choices=[*BENCHMARKS, "all"])
    parser.add_argument("--json", metavar="FILE", help="write the rows there too")
    options = parser.parse_args()
    print("  ".join(f"{key} {value}" for key, value in machine().items()))
    results = {}
    for name, benchmark in BENCHMARKS.items():
        if options.name in (name, "all"):
            results |= benchmark.run()
    if options.json:
        write_json(options.json, results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
