"""The results page: `benchmarks/README.md`, written from the JSON of runs.

Every benchmark that a file holds becomes a section: the benchmark's docstring, its picture, drawn
anew from the rows, and its tables. Each section says which run it is of, and a table at the top
gives the runs' day, machine and versions. The command line is the caller.
"""

import json
from pathlib import Path
from typing import Any

from benchmarks import catalog
from benchmarks.table import Row, markdown_table

PAGE = Path(__file__).with_name("README.md")
OPENING = """# Results

This page is written by `python -m benchmarks report FILES` from what runs with `--json` kept; do
not edit it. Only figures of one run are meant to be compared: the machine is shared. A section's
name is that of its benchmark, `python -m benchmarks NAME`; `speed` needs `--peers` and
`pip install -e ".[bench-peers]"` for all of its rows.
"""


def write(files: list[Path], page: Path = PAGE) -> Path:
    """Write the page; of a benchmark that several files hold, the last one's results are shown.

    Pictures go into the folder ``pictures`` beside the page.

    Returns
    -------
    Path
        The page.
    """
    runs, chosen = _read(files)
    pictures = page.parent / "pictures"
    parts = [OPENING, "## Runs\n", markdown_table(_run_rows(runs)) + "\n"]
    for name in catalog.BENCHMARKS:
        if name in chosen:
            run, results = chosen[name]
            parts += _section(name, run, results, pictures)
    page.write_text("\n".join(parts))
    return page


def _read(files: list[Path]) -> tuple[list[dict], dict[str, tuple[int, dict[str, list[Row]]]]]:
    """Return the runs shown (day and machine), and of each benchmark its run and its tables."""
    runs: list[dict[str, Any]] = []
    chosen = {}
    for file in files:
        document = json.loads(file.read_text())
        unknown = document["benchmarks"].keys() - set(catalog.BENCHMARKS)
        if unknown:
            raise ValueError(f"{file} holds results of {sorted(unknown)}, which are no benchmarks.")
        run = {"date": document["date"], **document["machine"]}
        if run not in runs:
            runs.append(run)
        chosen |= {n: (runs.index(run), results) for n, results in document["benchmarks"].items()}
    return runs, chosen


def _run_rows(runs: list[dict[str, str]]) -> list[Row]:
    keys = dict.fromkeys(key for run in runs for key in run)
    return [
        {"": key} | {f"run {i + 1}": run.get(key, "") for i, run in enumerate(runs)} for key in keys
    ]


def _section(name: str, run: int, results: dict[str, list[Row]], pictures: Path) -> list[str]:
    parts = [f"## {name}\n", catalog.text(name).replace("``", "`") + "\n", f"Run {run + 1}.\n"]
    benchmark = catalog.load(name)
    if hasattr(benchmark, "draw"):
        pictures.mkdir(exist_ok=True)
        picture = benchmark.draw(results, pictures)
        parts.append(f"![{name}]({picture.relative_to(pictures.parent)})\n")
    for title, rows in results.items():
        parts += [f"### {title}\n", markdown_table(rows) + "\n"]
    return parts
