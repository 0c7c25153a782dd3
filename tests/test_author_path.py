"""An author's way: the README's plugin and a generated one, installed with pip, found and used.

pip installs into a folder of the test, which subprocesses get as PYTHONPATH; the environment stays
as it is.
"""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import seqlearn
from seqlearn.__main__ import main
from seqlearn.commands.new_plugin import plugin_files
from seqlearn.testing import backend_checks

README = Path(seqlearn.__file__).parent.parent / "README.md"
SEARCH = """
import sys
from sklearn.model_selection import GridSearchCV
from seqlearn import LSTMClassifier, available_backends
from seqlearn.datasets import make_noisy_sines
from seqlearn.registry import load_backend

for given in sys.argv[1:]:
    name, option = given.split(":")
    assert available_backends()[name] == f"seqlearn-{name} 0.1.0"
    X, y = make_noisy_sines(40, 20, ragged=True, random_state=0)
    model = LSTMClassifier(max_epochs=3, random_state=0)
    search = GridSearchCV(model, {"backend": ["torch", name]}, cv=2, error_score="raise").fit(X, y)
    assert [given["backend"] for given in search.cv_results_["params"]] == ["torch", name]
    model.set_params(backend=load_backend(name)())
    search = GridSearchCV(model, {f"backend__{option}": [0.5, 0.9]}, cv=2, error_score="raise")
    assert search.fit(X, y).best_estimator_.get_params()[f"backend__{option}"] in (0.5, 0.9)
    print("searched", name)
"""


def readme_plugin():
    """The files of the section "Write one": each code block by the name in the text before it."""
    section = README.read_text().partition("### Write one\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"`([\w./]+)`[^`]*\n\n```\w+\n(.*?)```", section, re.S)
    return dict(blocks)


def write(files, folder):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def python(arguments, folder, site):
    """Run Python in ``folder`` with the packages in ``site``; return what it printed."""
    paths = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_readme_plugin_has_three_files_of_forty_lines():
    files = readme_plugin()
    assert set(files) == {"seqlearn_relu.py", "pyproject.toml", "tests/test_relu.py"}
    assert sum(len(text.splitlines()) for text in files.values()) <= 40


@pytest.mark.slow
def test_plugins_are_installed_found_checked_and_searched(tmp_path):
    """The README's and a generated one: each step, a process of its own, takes both at once."""
    plugins = {"relu": readme_plugin(), "my-gate": plugin_files("my-gate")}
    site = tmp_path / "site"
    for name, files in plugins.items():
        write(files, tmp_path / name)
    build = [] if importlib.util.find_spec("setuptools") is None else ["--no-build-isolation"]
    pip = ["-m", "pip", "install", "--quiet", "--no-deps", *build, "--target", str(site)]
    python([*pip, *(str(tmp_path / name) for name in plugins)], tmp_path, site)

    tests = [f"{name}/{path}" for name in plugins for path in plugins[name] if "test_" in path]
    shown = python(["-m", "pytest", "-q", "-p", "no:cacheprovider", *tests], tmp_path, site)
    assert re.search(rf"^{2 * len(backend_checks('gru'))} passed", shown, re.M)
    table = python(["-m", "seqlearn", "backends", "--check", "relu"], tmp_path, site)
    assert table.startswith("The backend 'relu' of seqlearn-relu 0.1.0: ")
    assert re.search(r"^causality +ok +\d", table, re.M) and table.endswith("hold, 0 do not.\n")
    searched = python(["-c", SEARCH, "relu:scale", "my-gate:gate_bias"], tmp_path, site)
    assert searched == "searched relu\nsearched my-gate\n"


def test_new_plugin_writes_a_folder_and_says_what_is_next(tmp_path, capsys):
    assert main(["new-plugin", "my-gate", "--folder", str(tmp_path)]) == 0
    folder = tmp_path / "seqlearn-my-gate"
    written = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    assert written == {
        "pyproject.toml",
        "README.md",
        "seqlearn_my_gate.py",
        "tests/test_my_gate.py",
    }
    assert 'my-gate = "seqlearn_my_gate:MyGate"' in (folder / "pyproject.toml").read_text()
    assert "$" not in "".join(plugin_files("my-gate").values())
    assert "python -m seqlearn backends --check my-gate" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("My-Gate", "Got 'My-Gate' instead"),
        ("9gate", "a letter first"),
        ("a--b", "single hyphens"),
        ("../gate", "letters, digits"),
        ("torch", "'torch' is taken by scikit-seqlearn"),
    ],
)
def test_new_plugin_refuses_names(tmp_path, capsys, name, found):
    assert main(["new-plugin", name, "--folder", str(tmp_path)]) == 1
    assert found in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_new_plugin_overwrites_nothing(tmp_path, capsys):
    (tmp_path / "seqlearn-my-gate").mkdir()
    assert main(["new-plugin", "my-gate", "--folder", str(tmp_path)]) == 1
    assert "exists already; nothing was written" in capsys.readouterr().err
    assert list((tmp_path / "seqlearn-my-gate").iterdir()) == []
