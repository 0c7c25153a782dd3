"""Printing: one table a benchmark, and the same rows as JSON."""

import json
import platform
import sys
from importlib.metadata import version
from pathlib import Path

Row = dict[str, object]


def print_table(title: str, rows: list[Row]) -> None:
    """Print rows of like keys under a title, columns aligned."""
    names = list(rows[0])
    cells = [[_cell(row[name]) for name in names] for row in rows]
    widths = [max(len(name), *(len(line[i]) for line in cells)) for i, name in enumerate(names)]
    print(f"\n{title}")
    print("  ".join(name.ljust(width) for name, width in zip(names, widths, strict=True)).rstrip())
    for line in cells:
        print("  ".join(c.ljust(width) for c, width in zip(line, widths, strict=True)).rstrip())


def write_json(path: str, results: dict[str, list[Row]]) -> None:
    """Write all rows, with machine and versions."""
    Path(path).write_text(json.dumps({"machine": machine(), "results": results}, indent=2) + "\n")


def machine() -> dict[str, str]:
    """Say what the figures were measured on."""
    packages = ("scikit-seqlearn", "torch", "skorch", "scikit-learn", "numpy")
    return {
        "platform": platform.platform(),
        "processor": _processor(),
        "python": sys.version.split()[0],
        **{package: version(package) for package in packages},
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
