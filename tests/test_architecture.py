"""The house rules held against the code: who may import whom, who may print, what is public."""

import ast
import re
import runpy
from pathlib import Path

import pytest

import seqlearn

ROOT = Path(seqlearn.__file__).parent
code_lines = runpy.run_path(str(ROOT.parent / ".ci" / "code_lines.py"))["code_lines"]
FILES = sorted(ROOT.rglob("*.py"))

# Arrows go down only: each room and the rooms it may import from, besides itself.
ALLOWED = {
    "": {
        "estimators",
        "data",
        "displays",
        "persistence",
        "pipelines",
        "registry",
        "streaming",
    },  # the lazy public names
    "__main__": {"commands", "errors"},
    "backend": {"errors", "states", "torch_internals", "torch_layers"},
    "backends": {"backend", "errors"},
    "commands": {
        "",
        "datasets",
        "displays",
        "errors",
        "persistence",
        "preprocessing",
        "registry",
        "testing",
    },
    "data": {"errors", "printing"},
    "datasets": {"errors"},
    "displays": {"errors", "pipelines"},
    "errors": set(),
    "estimators": {
        "backend",
        "data",
        "errors",
        "inputs",
        "metrics",
        "modules",
        "parameter_checks",
        "printing",
        "registry",
        "saved",
        "states",
        "streaming",
        "training",
    },
    "metrics": {"data", "errors"},
    "model_selection": {"data", "errors"},
    "inputs": {"backend", "errors", "modules"},
    "modules": {"backend", "errors", "metrics", "registry", "states", "torch_internals"},
    "parameter_checks": {"data", "errors", "printing"},
    "persistence": {"backend", "errors", "printing", "registry"},  # classes by name
    "pipelines": {"errors"},
    "preprocessing": {  # estimators lazily
        "data",
        "errors",
        "estimators",
        "parameter_checks",
        "saved",
    },
    "printing": set(),
    "registry": {"backend", "errors", "printing"},
    "saved": {"persistence"},  # lazily
    "states": {"errors"},
    "streaming": {"data", "errors", "modules", "printing", "registry", "states", "training"},
    "testing": {"backend", "errors", "registry", "states", "torch_internals"},
    "torch_internals": set(),
    "torch_layers": {"errors", "states"},
    "training": {
        "backend",
        "data",
        "errors",
        "modules",
        "persistence",  # the files of checkpoints
        "printing",
        "registry",
        "states",
        "torch_internals",
    },
}
BORDERS = {  # who alone may import a package
    "skorch": {f"training/{one}.py" for one in ("net", "epochs", "scoring", "callbacks")},
    "sktime": {
        "commands/demo.py",
        "data/plain.py",  # makes a horizon again that was saved
        "estimators/anomaly/sktime_detector.py",
        "estimators/forecasting/forecaster.py",
        "estimators/sktime_adapters.py",
    },
    "importlib.metadata": {"registry.py", "__init__.py", "persistence/saving.py"},
}


def imported_modules(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module


def room(module):
    """The first name below seqlearn: "data" for seqlearn.data.batches."""
    return module.split(".")[1] if "." in module else ""


def room_of_file(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return "" if parts == ("__init__",) else parts[0]


@pytest.mark.slow
@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_follow_the_table(path):
    here = room_of_file(path)
    for module in imported_modules(path):
        if module.split(".")[0] == "seqlearn":
            there = room(module)
            assert there == here or there in ALLOWED[here], f"{path.name} imports {module}"
        for package, owners in BORDERS.items():
            if module == package or module.startswith(package + "."):
                assert str(path.relative_to(ROOT)) in owners, f"{path.name} imports {module}"


@pytest.mark.parametrize("path", sorted((ROOT / "backends").glob("*_*.py")), ids=lambda p: p.name)
def test_backends_do_not_import_each_other(path):
    assert not [m for m in imported_modules(path) if m.startswith("seqlearn.backends")]


@pytest.mark.slow
@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_open_with_a_text_and_stay_small(path):
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), f"{path.name} does not say what lives in it"
    assert code_lines(path.read_text()) <= 350


@pytest.mark.parametrize("path", sorted((ROOT / "estimators").rglob("*.py")), ids=lambda p: p.name)
def test_task_folders_do_not_import_each_other_and_what_they_share_imports_none(path):
    own = path.parent.name
    for module in imported_modules(path):
        of_task = re.match(r"seqlearn\.estimators\.(\w+)\.", module)
        assert of_task is None or of_task[1] == own, f"{path.name} imports {module}"


def test_plugins_use_public_modules_only():
    plugins = ROOT.parent / "plugins"
    public = {"", *seqlearn._MODULES}
    for path in plugins.glob("*/*.py"):
        for module in imported_modules(path):
            if module.split(".")[0] == "seqlearn":
                assert room(module) in public, f"{path.name} imports {module}"


@pytest.mark.slow
def test_only_the_command_line_and_the_lines_of_verbose_print():
    printing = {
        str(path.relative_to(ROOT))
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print"
    }
    commands = {str(path.relative_to(ROOT)) for path in (ROOT / "commands").glob("*.py")}
    assert printing <= {"__main__.py", "training/callbacks.py", *commands}


def test_no_room_for_anything():
    forbidden = {"utils", "core", "common", "helpers", "base_utils", "misc"}
    assert not forbidden & {path.stem for path in ROOT.rglob("*")}
