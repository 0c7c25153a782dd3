"""The estimators in scikit-learn's own tools, on lists of ragged arrays."""

import pickle
import subprocess
import sys

import joblib
import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    HalvingRandomSearchCV,
    cross_val_predict,
    cross_val_score,
    learning_curve,
    validation_curve,
)
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_html_repr
from sklearn.utils.fixes import parse_version

from seqlearn import (
    BiLSTMTagger,
    LSTMClassifier,
    LSTMForecaster,
    LSTMRegressor,
    SequenceEncoder,
    Sequences,
    SktimeLSTMClassifier,
    to_sequences,
)
from seqlearn.backends.torch_lstm import TorchLSTM
from seqlearn.errors import UnknownBackendError
from seqlearn.preprocessing import SequenceScaler

before_1_8 = pytest.mark.skipif(
    parse_version(sklearn.__version__) < parse_version("1.8"),
    reason="scikit-learn has had it since 1.8",
)
SMALL = {"hidden_size": 6, "max_epochs": 6, "lr": 0.03, "random_state": 0}


@pytest.fixture
def pipe():
    return make_pipeline(SequenceScaler(), LSTMClassifier(**SMALL))


def object_array(X):
    packed = np.empty(len(X), dtype=object)
    packed[:] = X
    return packed


@pytest.mark.slow
def test_grid_search_scores_are_the_same_however_it_runs(pipe, ragged):
    X, y = ragged
    grid = {"lstmclassifier__backend": ["torch", "gru"], "lstmclassifier__hidden_size": [3, 6]}

    def scores(n_jobs, backend):
        with joblib.parallel_backend(backend):
            search = GridSearchCV(pipe, grid, cv=3, n_jobs=n_jobs, error_score="raise").fit(X, y)
        return search.cv_results_["mean_test_score"]

    serial = scores(1, "loky")
    assert np.array_equal(serial, scores(2, "threading"))
    assert np.array_equal(serial, scores(2, "loky"))
    assert np.isfinite(serial).all()


def test_backends_and_their_options_are_grid_axes(ragged):
    X, y = ragged
    model = LSTMClassifier(**SMALL, backend=TorchLSTM())
    grid = [{"backend": ["rnn", TorchLSTM(0.0)]}, {"backend__forget_bias": [0.0, 2.0]}]
    search = GridSearchCV(model, grid, cv=2, error_score="raise").fit(X, y)
    results = search.cv_results_["mean_test_score"]
    assert len(results) == 4
    assert results[1] == results[2]  # the same option, said in two ways
    assert model.backend.forget_bias == 1.0


def test_halving_search_over_epochs(ragged):
    X, y = ragged
    search = HalvingRandomSearchCV(
        LSTMClassifier(**SMALL),
        {"hidden_size": [3, 5, 7], "readout": ["last", "mean"]},
        resource="max_epochs",
        min_resources=2,
        max_resources=8,
        n_candidates=4,
        cv=2,
        random_state=0,
        error_score="raise",
    ).fit(X, y)
    assert search.best_estimator_.max_epochs in search.n_resources_


@pytest.mark.slow
@pytest.mark.parametrize("container", [list, object_array, to_sequences])
def test_cross_validation_of_every_container(container, pipe, ragged):
    X, y = ragged
    X = container(X)
    predicted = cross_val_predict(pipe, X, y, cv=3)
    assert predicted.shape == (40,) and set(predicted) <= set(y)
    assert cross_val_predict(pipe, X, y, cv=3, method="predict_proba").shape == (40, 3)
    assert isinstance(X[:2], (Sequences, list, np.ndarray))
    assert (cross_val_score(pipe, X, y, cv=3, error_score="raise") > 0.5).all()


def test_curves(pipe, ragged):
    X, y = ragged
    sizes, train, test = learning_curve(pipe, X, y, cv=2, train_sizes=[0.5, 1.0], shuffle=True)
    assert list(sizes) == [10, 20] and np.isfinite(train).all() and np.isfinite(test).all()
    train, _ = validation_curve(
        pipe, X, y, param_name="lstmclassifier__hidden_size", param_range=[2, 4], cv=2
    )
    assert np.isfinite(train).all()


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_calibration(method, pipe, ragged):
    X, y = ragged
    model = CalibratedClassifierCV(pipe, method=method, cv=2).fit(X, y)
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1.0)
    frozen = CalibratedClassifierCV(FrozenEstimator(pipe.fit(X, y)), method=method).fit(X, y)
    assert frozen.predict(X).shape == (40,)


@pytest.mark.slow
def test_stacking_and_voting(pipe, ragged):
    X, y = ragged
    pipe.set_params(lstmclassifier__max_epochs=30)
    parts = [("lstm", pipe), ("gru", LSTMClassifier(backend="gru", **{**SMALL, "max_epochs": 30}))]
    stack = StackingClassifier(parts, LogisticRegression(), cv=2).fit(X, y)
    assert stack.score(X, y) > 0.8
    assert VotingClassifier(parts, voting="soft").fit(X, y).score(X, y) > 0.8


def test_bagging_on_two_dimensions():
    """scikit-learn's Bagging itself refuses 3-D and ragged X."""
    from sklearn.ensemble import BaggingClassifier

    rng = np.random.default_rng(0)
    y = np.arange(40) % 2
    X = rng.normal(size=(40, 8)) + y[:, None]
    model = LSTMClassifier(**{**SMALL, "max_epochs": 30})
    bag = BaggingClassifier(model, n_estimators=2, random_state=0).fit(X, y)
    assert bag.score(X, y) > 0.8


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


@before_1_8
def test_sample_weight_is_routed_through_pipeline_and_search(routing, ragged):
    X, y = ragged
    weights = np.where(y == "mid", 50.0, 1.0)
    model = (
        LSTMClassifier(**SMALL)
        .set_fit_request(sample_weight=True)
        .set_score_request(sample_weight=True)
    )
    pipe = make_pipeline(SequenceScaler(), model)
    grid = {"lstmclassifier__hidden_size": [3, 6]}
    search = GridSearchCV(pipe, grid, cv=2, error_score="raise")
    search.fit(X, y, sample_weight=weights)
    plain = GridSearchCV(
        make_pipeline(SequenceScaler(), LSTMClassifier(**SMALL)), grid, cv=2, error_score="raise"
    ).fit(X, y)
    assert not np.array_equal(search.predict_proba(X), plain.predict_proba(X))
    assert (search.predict(X) == "mid").mean() > (plain.predict(X) == "mid").mean()


@pytest.mark.parametrize("Estimator", [LSTMClassifier, LSTMRegressor, SequenceEncoder])
def test_clone_and_parameters(Estimator):
    model = Estimator(hidden_size=5, backend=TorchLSTM(0.5))
    copy = clone(model)
    assert repr(copy) == repr(model)
    assert copy.backend is not model.backend
    assert copy.set_params(backend__forget_bias=2.0).backend.forget_bias == 2.0
    with pytest.raises(ValueError, match="Invalid parameter 'hiden_size'"):
        model.set_params(hiden_size=3)
    with pytest.raises(TypeError, match="hiden_size"):
        Estimator(hiden_size=3)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["torch", "gru", TorchLSTM(0.3)], ids=str)
@pytest.mark.parametrize("Estimator", [LSTMClassifier, LSTMRegressor, SequenceEncoder])
def test_pickle_and_joblib(Estimator, backend, ragged, tmp_path):
    X, _ = ragged
    model = Estimator(**SMALL, num_layers=2, dropout=0.1, backend=backend).fit(X, np.arange(40) % 2)
    answer = model.transform if Estimator is SequenceEncoder else model.predict
    expected = answer(X)
    joblib.dump(model, tmp_path / "model.joblib")
    for loaded in (pickle.loads(pickle.dumps(model)), joblib.load(tmp_path / "model.joblib")):
        again = loaded.transform if Estimator is SequenceEncoder else loaded.predict
        assert np.array_equal(expected, again(X))
        assert loaded.history_ == model.history_
        assert loaded.net_.history[:, "train_loss"] == model.loss_curve_
        assert repr(loaded) == repr(model)


def test_a_pickle_holds_no_torch_object(ragged):
    class Spy(pickle.Unpickler):
        found: set = set()  # noqa: RUF012

        def find_class(self, module, name):
            Spy.found.add((module, name))
            return super().find_class(module, name)

    import io

    model = LSTMClassifier(**SMALL, callbacks=None).fit(*ragged)
    Spy(io.BytesIO(pickle.dumps(model))).load()
    from_torch = {(m, n) for m, n in Spy.found if m.startswith("torch")}
    assert from_torch <= {("torch", "float32")}


def test_a_pickle_loads_in_a_fresh_process(ragged, tmp_path):
    X, y = ragged
    model = LSTMClassifier(**SMALL).fit(X, y)
    (tmp_path / "model.pickle").write_bytes(pickle.dumps((model, X)))
    code = (
        "import pickle, sys; model, X = pickle.load(open(sys.argv[1], 'rb')); "
        "print(*model.predict(X))"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "model.pickle")]
    shown = subprocess.run(command, capture_output=True, text=True, check=True)
    assert shown.stdout.split() == list(model.predict(X))
    assert shown.stderr == ""


@before_1_8
@pytest.mark.parametrize("Estimator", [LSTMClassifier, LSTMRegressor, SequenceEncoder])
def test_html_shows_the_documentation_of_parameters(Estimator):
    html = estimator_html_repr(Estimator(hidden_size=12))
    assert "Width of a recurrent layer" in html
    assert "12" in html


def test_dataframe_columns_are_remembered_and_checked():
    import pandas as pd

    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(12, 4)), columns=list("abcd"))
    model = LSTMClassifier(**SMALL).fit(X, [0, 1] * 6)
    assert list(model.feature_names_in_) == list("abcd")
    assert model.n_features_in_ == 4
    with pytest.raises(ValueError, match="feature names"):
        model.predict(X[list("bacd")])
    model.fit(rng.normal(size=(12, 4, 1)), [0, 1] * 6)
    assert not hasattr(model, "feature_names_in_") and model.n_features_in_ == 1


def test_options_of_a_backend_given_by_name_are_axes_of_a_search(ragged):
    X, y = ragged
    model = LSTMClassifier(**SMALL)
    grid = {"backend": ["torch"], "backend__forget_bias": [0.0, 2.0]}
    search = GridSearchCV(model, grid, cv=2, error_score="raise").fit(X, y)
    assert search.best_estimator_.backend.forget_bias in (0.0, 2.0)
    assert model.backend == "torch"
    with pytest.raises(ValueError, match="Invalid parameter 'heads' for estimator TorchLSTM"):
        model.set_params(backend__heads=2)
    with pytest.raises(UnknownBackendError, match="Did you mean 'torch'"):
        model.set_params(backend="torhc", backend__forget_bias=2.0)
    assert model.backend == "torch"
    others = (BiLSTMTagger, LSTMForecaster, LSTMRegressor, SequenceEncoder, SktimeLSTMClassifier)
    for Estimator in others:
        changed = Estimator(backend="torch").set_params(backend__forget_bias=2.0)
        assert changed.backend.forget_bias == 2.0
