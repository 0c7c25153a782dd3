"""Where the installed sktime keeps the data files that it carries; sktime is not imported."""

import importlib.util
from pathlib import Path


def sktime_folders() -> list[Path]:
    """Return the folders with a subfolder for each data set; none where sktime is not installed."""
    spec = importlib.util.find_spec("sktime")  # finds the package without importing it
    roots = (spec and spec.submodule_search_locations) or ()
    return [Path(root, "datasets", "data") for root in roots]
