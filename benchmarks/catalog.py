"""The benchmarks by name: what `python -m benchmarks` runs and what the results page shows.

A benchmark is a module of this package. Its docstring is the text above its tables; ``run()``
measures, prints and returns ``{title: rows}``; ``run(peers=...)`` if it has peers in processes of
their own; ``draw(results, folder)``, if it has a picture, makes one of what ``run`` returned and
gives its path. Callers: the command line and `benchmarks.report`.
"""

import ast
import importlib
from pathlib import Path
from types import ModuleType

BENCHMARKS = (  # in the order of the results page
    "speed",
    "scale",
    "memory",
    "latency",
    "streams",
    "accuracy",
    "precision",
    "adding",
    "tagging",
    "sentiment",
    "forecasting",
    "recommendation",
    "language",
    "translation",
    "transcription",
    "classification",
    "spoken_digits",
    "video",
    "anomaly",
    "monitoring",
    "backends",
)


def load(name: str) -> ModuleType:
    """Import a benchmark: only those that run are, for some import much."""
    return importlib.import_module(f"benchmarks.{name}")


def text(name: str) -> str:
    """Read a benchmark's docstring without importing it."""
    source = Path(__file__).with_name(f"{name}.py").read_text()
    docstring = ast.get_docstring(ast.parse(source))
    if docstring is None:
        raise ValueError(f"benchmarks/{name}.py has no docstring, which the results page shows.")
    return docstring
