"""The public face: a light import, names that load on first use, constructors that agree."""

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import seqlearn
from seqlearn import (
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
)


def run(code):
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_importing_seqlearn_imports_nothing_heavy():
    code = (
        "import sys, seqlearn; heavy = {'torch', 'skorch', 'sktime', 'sklearn', 'numpy', 'pandas'}"
        "; print(sorted(heavy & set(sys.modules)))"
    )
    assert run(code) == "[]"


def test_listing_backends_and_reading_data_import_no_backend():
    code = (
        "import sys; from seqlearn import available_backends; available_backends(); "
        "from seqlearn.datasets import load_japanese_vowels; load_japanese_vowels(); "
        "names = ('seqlearn.backends', 'sktime', 'skorch')\n"
        "print([m for m in sys.modules if m.startswith(names)])\n"
        "from seqlearn import load_backend; load_backend('gru')\n"
        "print(*(m for m in sys.modules if m.startswith('seqlearn.backends.')))"
    )
    assert run(code).splitlines() == ["[]", "seqlearn.backends.torch_gru"]


def test_training_and_prediction_do_not_import_torchs_compiler():
    # It takes a second, in each process of a grid search too.
    code = (
        "import pickle, sys; import numpy as np; from seqlearn import LSTMClassifier; "
        "X, y = np.random.default_rng(0).normal(size=(20, 5, 2)), np.arange(20) % 2\n"
        "for name in ('adam', 'adamw', 'sgd', 'rmsprop'):\n"
        "    model = LSTMClassifier(optimizer=name, max_epochs=2, random_state=0).fit(X, y)\n"
        "    pickle.loads(pickle.dumps(model)).partial_fit(X, y).predict(X)\n"
        "print('torch._dynamo' in sys.modules)"
    )
    assert run(code) == "False"


def test_public_names_are_listed_and_load():
    assert sorted(seqlearn.__all__) == seqlearn.__all__
    assert set(seqlearn.__all__) <= set(dir(seqlearn))
    for name in dir(seqlearn):
        assert getattr(seqlearn, name) is not None
    assert set(seqlearn.__all__) == set(seqlearn._HOMES)


def test_a_misspelt_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'LSTMClasifier'"):
        _ = seqlearn.LSTMClasifier


def test_every_error_is_a_seqlearn_error_and_a_builtin():
    from seqlearn import errors

    for name, kind in inspect.getmembers(errors, inspect.isclass):
        assert issubclass(kind, errors.SeqlearnError), name
        if name not in ("SeqlearnError", "BackendError"):
            assert any(base.__module__ == "builtins" for base in kind.__bases__), name


def shared_documentation(Estimator):
    """Parameter name to its entry in the class docstring."""
    text = inspect.getdoc(Estimator).partition("Parameters\n----------\n")[2]
    text = text.partition("Attributes\n----------")[0]
    entries = re.split(r"^(?=\w+ : )", text, flags=re.M)
    return {entry.partition(" : ")[0]: entry.strip() for entry in entries if entry.strip()}


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


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_documentation_states_every_parameter_and_its_default(Estimator):
    documented = shared_documentation(Estimator)
    parameters = inspect.signature(Estimator).parameters
    assert list(documented) == list(parameters)
    for name, parameter in parameters.items():
        stated = re.search(r"default=(.*)$", documented[name].split("\n")[0]).group(1)
        assert ast.literal_eval(stated) == parameter.default, name


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_every_public_method_is_documented(Estimator):
    for name, method in inspect.getmembers(Estimator, inspect.isfunction):
        if not name.startswith("_") and method.__module__.startswith("seqlearn"):
            text = inspect.getdoc(method)
            assert text and "Returns\n-------" in text, name


def test_type_checkers_see_each_name_where_it_is_loaded_from():
    tree = ast.parse(Path(seqlearn.__file__).read_text())
    seen = next(node for node in tree.body if isinstance(node, ast.If)).body
    imports = {
        alias.name: node.module
        for node in seen
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert imports == seqlearn._HOMES | dict.fromkeys(seqlearn._MODULES, "seqlearn")
