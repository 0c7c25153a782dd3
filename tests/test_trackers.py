"""The examples of docs/trackers.md, each with the real package; skipped where it is not installed.

None of the packages is a dependency of the tests: with what they bring they are 600 MB, and
TensorBoard alone 60. What of it is the work of seqlearn, tests/training/test_callbacks.py tests.
"""

import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parent.parent / "docs" / "trackers.md").read_text()
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
NEEDS = re.compile(
    r"^(?:import|from) (mlflow|tensorboard|wandb|dvclive|optuna\w*|torch\.utils)", re.M
)
PACKAGES = {"torch.utils": "tensorboard"}


def needs(example):
    return sorted({PACKAGES.get(name, name) for name in NEEDS.findall(example)})


DATA, *OTHERS = EXAMPLES


def test_the_data_of_the_page_needs_no_tracker_and_every_other_example_one():
    assert not needs(DATA) and all(map(needs, OTHERS)) and len(OTHERS) >= 8
    exec(DATA, {})


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("example", OTHERS, ids=lambda text: "-".join(needs(text)))
def test_an_example_runs_as_it_stands(example, tmp_path, monkeypatch):
    for package in needs(example):
        pytest.importorskip(package)
    monkeypatch.chdir(tmp_path)
    exec(DATA + example, {"__name__": "example"})
