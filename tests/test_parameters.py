"""Constructors and texts of shared parameters come from one table, and so do their checks."""

import importlib.util
import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from seqlearn import (
    BiLSTMTagger,
    Frames,
    LSTMAnomalyDetector,
    LSTMClassifier,
    LSTMForecaster,
    LSTMLanguageModel,
    LSTMRecommender,
    LSTMRegressor,
    LSTMTranscriber,
    LSTMTranslator,
    SequenceEncoder,
    SktimeLSTMAnomalyDetector,
    SktimeLSTMClassifier,
    SktimeLSTMRegressor,
    Words,
)
from seqlearn.estimators.forecasting.settings import CHECKS
from seqlearn.estimators.shared_parameters import SHARED_CHECKS

ROOT = Path(__file__).parent.parent
NEW = '''from typing import Any

class New:
    """An estimator to be.

    Parameters
    ----------
    n_levels : int or "auto", default=3
        Its own.

        In two paragraphs.
    kind : {"a", "b"} or None, default=None
        Its own too.

    Attributes
    ----------
    levels_ : ndarray
        Learned.
    """

    # <parameters: kind * n_levels network
    #   words tol>
    # </parameters>

    def fit(self):
        """Parameters
        ----------
        """


class Other:
    """Has no parameters."""
'''


def command(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / ".ci" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def parameters():
    return command("parameters")


def test_the_sources_are_what_the_table_says():
    run = subprocess.run(
        [sys.executable, ROOT / ".ci" / "parameters.py", "--check"], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_what_differs_is_shown(parameters, tmp_path, monkeypatch, capsys):
    (tmp_path / "seqlearn").mkdir()
    path = tmp_path / "seqlearn" / "new.py"
    path.write_text(NEW)
    monkeypatch.setattr(parameters, "ROOT", tmp_path)
    assert parameters.main(check=True) == 1
    assert path.read_text() == NEW
    assert "+        n_levels: int | str = 3," in capsys.readouterr().out
    assert parameters.main(check=False) == 0 and path.read_text() != NEW
    assert parameters.main(check=True) == 0


def test_a_base_class_has_the_types_of_what_it_reads(parameters):
    parameters.rewritten(NEW)
    base = """class Base:
    # <annotations: control kind New>
    kind: int
    # </annotations>
"""
    with pytest.raises(SystemExit, match="kind"):  # of one class, and not shared
        parameters.annotated(base)
    base = parameters.annotated(base.replace(" kind New>", " New>"))
    space = {"Any": Any}
    exec(base, space)
    of_base = space["Base"].__annotations__
    assert of_base["kind"] == (str | None) and of_base["n_levels"] == (int | str)
    assert list(of_base) == [
        *parameters.GROUPS["control"],
        *("kind", "n_levels", *parameters.GROUPS["network"], "words", "tol"),
    ]
    assert parameters.annotated(base) == base
    assert command("code_lines").code_lines(base) == 1


def test_a_new_estimator_is_written_from_its_list_and_its_own_entries(parameters):
    source = parameters.rewritten(NEW)
    assert parameters.rewritten(source) == source
    space = {}
    exec(source, space)
    names = ["kind", "n_levels", *parameters.GROUPS["network"], "words", "tol"]
    signature = inspect.signature(space["New"]).parameters
    assert list(signature) == names
    assert str(signature["kind"]) == "kind: str | None = None"
    assert [p.kind.name for p in signature.values()][:2] == [
        "POSITIONAL_OR_KEYWORD",
        "KEYWORD_ONLY",
    ]
    assert vars(space["New"](n_levels=5))["n_levels"] == 5
    assert vars(space["New"]()) == {name: p.default for name, p in signature.items()}
    text = inspect.getdoc(space["New"])
    assert [text.index(f"\n{name} : ") for name in names] == sorted(
        text.index(f"\n{name} : ") for name in names
    )
    assert "Its own.\n\n    In two paragraphs.\nhidden_size : int, default=64\n" in text
    assert text.endswith("Learned.")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("network", "netwrok"), "New: netwrok: listed, but neither shared nor described with"),
        (
            (", default=3", ""),
            "New: n_levels: listed, but neither shared nor described with a default",
        ),
        (("* n_levels", "*"), "New: n_levels: described, but not listed"),
        (("    Parameters\n", "    Params\n"), "New: its docstring has no section Parameters"),
    ],
)
def test_what_cannot_be_written_is_named(change, message, parameters):
    with pytest.raises(SystemExit, match=message):
        parameters.rewritten(NEW.replace(*change))


def test_generated_lines_are_not_lines_of_code(parameters):
    count = command("code_lines").code_lines
    assert count(parameters.rewritten(NEW)) == count(NEW) == 4


ESTIMATORS = [
    BiLSTMTagger,
    LSTMAnomalyDetector,
    LSTMClassifier,
    LSTMForecaster,
    LSTMLanguageModel,
    LSTMRecommender,
    LSTMRegressor,
    LSTMTranscriber,
    LSTMTranslator,
    SequenceEncoder,
    SktimeLSTMAnomalyDetector,
    SktimeLSTMClassifier,
    SktimeLSTMRegressor,
]
INSIDE = {
    SktimeLSTMAnomalyDetector: LSTMAnomalyDetector,
    SktimeLSTMClassifier: LSTMClassifier,
    SktimeLSTMRegressor: LSTMRegressor,
}
NOT_TAKEN = {SktimeLSTMAnomalyDetector: {"contamination"}}  # of what the one inside has


UNCHECKED = {
    "backend",
    "class_weight",
    "device",
    "random_state",
}  # by whoever uses them


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_every_parameter_has_one_check_and_its_default_is_accepted(Estimator):
    own = CHECKS if Estimator is LSTMForecaster else INSIDE.get(Estimator, Estimator)._checks
    own = {name: own[name] for name in own.keys() - NOT_TAKEN.get(Estimator, set())}
    names = inspect.signature(Estimator).parameters
    shared = {name: check for name, check in SHARED_CHECKS.items() if name in names}
    assert set(names) - {"estimator"} - UNCHECKED == shared.keys() | own.keys()
    assert not own.keys() & SHARED_CHECKS.keys()
    for name, check in (shared | own).items():
        assert check(names[name].default) is None


def test_the_table_has_no_dead_rows(parameters):
    shared, different = parameters.SHARED, parameters.DIFFERENT
    names = {E.__name__: inspect.signature(E).parameters for E in [*ESTIMATORS, Words, Frames]}
    assert different.keys() <= names.keys()
    for owner, rows in different.items():
        assert rows.keys() <= shared.keys() & names[owner].keys()
        assert not [name for name, entry in rows.items() if entry == shared[name]]
    for name in shared:
        assert any(name in parameters for parameters in names.values())
    assert shared.keys() == SHARED_CHECKS.keys() | UNCHECKED
