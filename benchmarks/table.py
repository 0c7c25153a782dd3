"""Rows of results: printed as a table, as Markdown, and kept as JSON with machine and date.

A row maps names of columns to cells; the rows of a table have the names of the first one. Callers:
every benchmark, the command line and `benchmarks.report`.
"""

import json
import os
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

Row = dict[str, object]

PACKAGES = ("scikit-seqlearn", "torch", "skorch", "scikit-learn", "numpy", "sktime")
PEERS = ("keras", "jax", "tensorflow", "tensorflow-cpu", "aeon", "darts", "neuralforecast")


def print_table(title: str, rows: list[Row]) -> None:
    """Print rows of like keys under a title, columns aligned."""
    names = list(rows[0])
    cells = [[_cell(row[name]) for name in names] for row in rows]
    widths = [max(len(name), *(len(line[i]) for line in cells)) for i, name in enumerate(names)]
    print(f"\n{title}")
    print("  ".join(name.ljust(width) for name, width in zip(names, widths, strict=True)).rstrip())
    for line in cells:
        print("  ".join(c.ljust(width) for c, width in zip(line, widths, strict=True)).rstrip())


def markdown_table(rows: list[Row]) -> str:
    """Return rows of like keys as a Markdown table."""
    names = list(rows[0])
    lines = [names, ["---"] * len(names), *([_cell(row[name]) for name in names] for row in rows)]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines
    )


def write_json(path: str, results: dict[str, dict[str, list[Row]]]) -> None:
    """Write all rows of all benchmarks, with the day (UTC), machine and versions."""
    document = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "benchmarks": results,
    }
    Path(path).write_text(json.dumps(document, indent=2) + "\n")


def machine() -> dict[str, str]:
    """Say what the figures were measured on; of the peers, those that are installed."""
    versions = {package: version(package) for package in PACKAGES}
    for package in PEERS:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "platform": platform.platform(),
        "processor": f"{_processor()}, {os.cpu_count()} logical cores",
        "python": sys.version.split()[0],
        **versions,
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def _cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
