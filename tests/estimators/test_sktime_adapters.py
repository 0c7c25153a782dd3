"""The sktime adapters: sktime's own suite, our answers to the bit, and sktime's compositions."""

import inspect
import pickle

import numpy as np
import pandas as pd
import pytest
import sktime
from packaging.version import Version
from sklearn.model_selection import KFold
from sktime.classification.compose import ClassifierPipeline
from sktime.classification.model_evaluation import evaluate
from sktime.classification.model_selection import TSCGridSearchCV
from sktime.datatypes import convert_to
from sktime.pipeline import Pipeline
from sktime.transformations.series.exponent import ExponentTransformer
from sktime.utils.estimator_checks import check_estimator, parametrize_with_checks

from seqlearn import LSTMClassifier, LSTMRegressor
from seqlearn.backends.torch_lstm import TorchLSTM
from seqlearn.errors import DataFormatError, InvalidParameterError
from seqlearn.estimators.sktime_adapters import SktimeLSTMClassifier, SktimeLSTMRegressor

SMALL = {"hidden_size": 4, "max_epochs": 2, "random_state": 0}
PAIRS = [(SktimeLSTMClassifier, LSTMClassifier), (SktimeLSTMRegressor, LSTMRegressor)]
SKTIME_BEFORE_1_2 = Version(sktime.__version__) < Version("1.2")
CONTAINERS = ["df-list", "pd-multiindex", "nested_univ"]


@pytest.mark.slow
@parametrize_with_checks([SktimeLSTMClassifier, SktimeLSTMRegressor])
@pytest.mark.filterwarnings("default")  # the checks provoke warnings on purpose
def test_sktime_check(obj, test_name):
    if (obj, test_name) == (SktimeLSTMRegressor, "test_multioutput") and SKTIME_BEFORE_1_2:
        pytest.skip("up to sktime 1.1 this check asks a regressor of several targets for copies")
    results = check_estimator(obj, tests_to_run=test_name, raise_exceptions=True, verbose=False)
    assert results, f"sktime ran nothing under {test_name}"
    assert set(results.values()) == {"PASSED"}


@pytest.mark.parametrize(("Adapter", "Ours"), PAIRS)
def test_parameters_are_those_of_our_estimator(Adapter, Ours):
    ours = dict(inspect.signature(Ours).parameters)
    for name in ("words", "frames", "missing", "time_column", "warm_start"):
        del ours[name]
    theirs = inspect.signature(Adapter).parameters
    assert list(theirs.items()) == list(ours.items())
    assert Adapter().get_params(deep=False) == {n: p.default for n, p in ours.items()}


@pytest.mark.parametrize(("Adapter", "Ours"), PAIRS)
def test_every_parameter_reaches_our_estimator(Adapter, Ours, panel):
    X, y = panel
    given = {
        **SMALL,
        "backend": TorchLSTM(),
        "lr": 0.02,
        "callbacks": [],
        "net_params": {"callbacks__print_log": None},
        "dtype": "float64",
    }
    adapter = Adapter(**given).clone()
    passed = adapter.fit(X, target(Adapter, y)).estimator_.get_params(deep=False)
    for name, value in adapter.get_params(deep=False).items():
        assert passed[name] is value, name
    assert "backend__forget_bias" in adapter.get_params()


@pytest.fixture
def panel():
    """Twelve series of two channels and unequal length as a df-list, and their string labels."""
    rng = np.random.default_rng(0)
    y = np.array(["high", "low", "mid"])[np.arange(12) % 3]
    means = {"high": 1.0, "low": -1.0, "mid": 0.0}
    X = [
        pd.DataFrame(rng.normal(means[label], 0.3, (4 + i % 3, 2)), columns=["a", "b"])
        for i, label in enumerate(y)
    ]
    return X, y


def target(Estimator, y):
    """The labels, or numbers made from them for a regressor."""
    return y if "Classifier" in Estimator.__name__ else np.char.str_len(y) + 0.5 * (y == "low")


def answers(estimator, X):
    proba = getattr(estimator, "predict_proba", None)
    return [estimator.predict(X), *([proba(X)] if proba else [])]


def assert_equal_bits(first, second):
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("Adapter", "Ours"), PAIRS)
def test_equals_our_estimator_to_the_bit_on_numpy3d(Adapter, Ours, dtype):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(10, 2, 6))  # (N, F, T)
    y = target(Adapter, np.array(["low", "high"])[np.arange(10) % 2])
    adapter = Adapter(**SMALL, dtype=dtype).fit(X, y)
    ours = Ours(**SMALL, dtype=dtype).fit(X.transpose(0, 2, 1), y)  # (N, T, F)
    assert_equal_bits(answers(adapter, X), answers(ours, X.transpose(0, 2, 1)))


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize(("Adapter", "Ours"), PAIRS)
def test_equals_our_estimator_to_the_bit_on_ragged_panels(Adapter, Ours, panel, container):
    X, y = panel[0], target(Adapter, panel[1])
    theirs = convert_to(X, container)
    sequences = [frame.to_numpy() for frame in X]
    adapter = Adapter(**SMALL).fit(theirs, y)
    ours = Ours(**SMALL).fit(sequences, y)
    assert_equal_bits(answers(adapter, theirs), answers(ours, sequences))


@pytest.mark.parametrize(("Adapter", "Ours"), PAIRS)
def test_2d_arrays_are_univariate_series_as_ours_are(Adapter, Ours):
    X = np.random.default_rng(2).normal(size=(9, 7))
    y = target(Adapter, np.array(["low", "high"])[np.arange(9) % 2])
    adapter, ours = Adapter(**SMALL).fit(X, y), Ours(**SMALL).fit(X, y)
    assert_equal_bits(answers(adapter, X), answers(ours, X))


@pytest.mark.parametrize(("Adapter", "Ours"), PAIRS)
def test_containers_may_change_between_fit_and_predict(Adapter, Ours):
    X = np.random.default_rng(3).normal(size=(9, 2, 5))
    y = target(Adapter, np.array(["low", "high", "mid"])[np.arange(9) % 3])
    adapter = Adapter(**SMALL).fit(X, y)
    expected = answers(adapter, X)
    for container in CONTAINERS:
        assert_equal_bits(answers(adapter, convert_to(X, container)), expected)
    longer = [frame.reindex(range(8), fill_value=0.0) for frame in convert_to(X, "df-list")]
    assert adapter.predict(longer).shape == (9,)


def test_labels_and_probabilities_keep_their_order(panel):
    X, y = panel
    classifier = SktimeLSTMClassifier(hidden_size=8, max_epochs=30, random_state=0).fit(X, y)
    proba = classifier.predict_proba(X)
    assert classifier.classes_.tolist() == ["high", "low", "mid"]
    assert proba.shape == (12, 3)
    np.testing.assert_allclose(proba.sum(axis=1), 1.0)
    np.testing.assert_array_equal(classifier.predict(X), classifier.classes_[proba.argmax(axis=1)])
    assert classifier.score(X, y) == 1.0


def test_several_targets_are_learned_by_one_net(panel):
    X, labels = panel
    y = pd.DataFrame({"first": target(SktimeLSTMRegressor, labels), "second": np.arange(12.0)})
    regressor = SktimeLSTMRegressor(**SMALL).fit(X, y)
    predicted = regressor.predict(X)
    sequences = [frame.to_numpy() for frame in X]
    ours = LSTMRegressor(**SMALL).fit(sequences, y.to_numpy())
    assert predicted.columns.tolist() == ["first", "second"]
    np.testing.assert_array_equal(predicted.to_numpy(), ours.predict(sequences))


def test_several_columns_of_labels_get_a_classifier_each(panel):
    X, labels = panel
    y = pd.DataFrame({"first": labels, "second": labels[::-1]})
    predicted = SktimeLSTMClassifier(**SMALL).fit(X, y).predict(X)
    alone = SktimeLSTMClassifier(**SMALL).fit(X, labels[::-1]).predict(X)
    assert predicted["second"].tolist() == alone.tolist()


@pytest.mark.filterwarnings("ignore:only single label seen in y:UserWarning")
def test_one_class_is_predicted_by_sktime_itself(panel):
    classifier = SktimeLSTMClassifier(**SMALL).fit(panel[0], np.full(12, "only"))
    assert set(classifier.predict(panel[0])) == {"only"}
    assert not hasattr(classifier, "estimator_")


def test_refits_start_afresh(panel):
    X, y = panel
    once = SktimeLSTMClassifier(**SMALL).fit(X, y)
    twice = SktimeLSTMClassifier(**SMALL).fit(X[:6], y[:6]).fit(X, y)
    assert_equal_bits(answers(once, X), answers(twice, X))


@pytest.mark.parametrize("Adapter", [SktimeLSTMClassifier, SktimeLSTMRegressor])
def test_pickles_answer_the_same(Adapter, panel):
    fitted = Adapter(**SMALL).fit(panel[0], target(Adapter, panel[1]))
    again = pickle.loads(pickle.dumps(fitted))
    assert_equal_bits(answers(again, panel[0]), answers(fitted, panel[0]))


def test_class_weight_moves_the_answers(panel):
    X, y = panel
    heavy = SktimeLSTMClassifier(**SMALL, class_weight={"high": 50, "low": 1, "mid": 1}).fit(X, y)
    plain = SktimeLSTMClassifier(**SMALL).fit(X, y)
    assert heavy.predict_proba(X)[:, 0].mean() > plain.predict_proba(X)[:, 0].mean()


@pytest.mark.filterwarnings("ignore:This generalised graphical pipeline is experimental")
@pytest.mark.parametrize("build", ["operator", "ClassifierPipeline", "Pipeline"])
def test_works_in_pipelines(build):
    X = np.random.default_rng(4).uniform(1, 2, size=(8, 1, 6))
    y = np.arange(8) % 2
    square, classifier = ExponentTransformer(power=2), SktimeLSTMClassifier(**SMALL)
    pipe = {
        "operator": lambda: square * classifier,
        "ClassifierPipeline": lambda: ClassifierPipeline(classifier, [square]),
        "Pipeline": lambda: Pipeline(
            [
                {"skobject": square, "name": "square", "edges": {"X": "X"}},
                {"skobject": classifier, "name": "net", "edges": {"X": "square", "y": "y"}},
            ]
        ),
    }[build]()
    pipe.fit(X=X, y=y)
    expected = classifier.clone().fit(X**2, y).predict(X**2)
    np.testing.assert_array_equal(pipe.predict(X=X), expected)


def test_works_in_sktimes_evaluate(panel):
    X, y = convert_to(panel[0], "pd-multiindex"), panel[1]
    table = evaluate(SktimeLSTMClassifier(**SMALL), KFold(2), X, y, error_score="raise")
    accuracies = []
    for train, test in KFold(2).split(y):
        ours = LSTMClassifier(**SMALL).fit([panel[0][i].to_numpy() for i in train], y[train])
        accuracies.append(ours.score([panel[0][i].to_numpy() for i in test], y[test]))
    assert table["test_accuracy_score"].tolist() == accuracies


@pytest.mark.filterwarnings("ignore:.*has no attribute '__sklearn_tags__'")  # scikit-learn 1.7
def test_is_tuned_by_sktimes_grid_search(panel):
    X, y = convert_to(panel[0], "pd-multiindex"), panel[1]
    grid = {"hidden_size": [2, 3], "backend": ["torch", "gru"]}
    search = TSCGridSearchCV(SktimeLSTMClassifier(**SMALL), grid, cv=KFold(2), error_score="raise")
    search.fit(X, y)
    assert set(search.best_params_) == set(grid)
    assert search.predict(X).shape == (12,)


@pytest.mark.parametrize("Adapter", [SktimeLSTMClassifier, SktimeLSTMRegressor])
def test_columns_in_another_order_are_refused(Adapter, panel):
    X, y = panel[0], target(Adapter, panel[1])
    turned = [frame[["b", "a"]] for frame in X]
    fitted = Adapter(**SMALL).fit(X, y)
    with pytest.raises(DataFormatError, match=r"X has the columns \['b', 'a'\], fit had"):
        fitted.predict(turned)
    with pytest.raises(DataFormatError, match=r"instance 2 of X .* instance 0 had \['a', 'b'\]"):
        Adapter(**SMALL).fit([*X[:2], *turned[2:]], y)


def test_errors_of_our_estimators_come_through(panel):
    X, y = panel
    with pytest.raises(InvalidParameterError, match="hidden_size"):
        SktimeLSTMClassifier(hidden_size=0).fit(X, y)
    with pytest.raises(ValueError, match="missing values"):
        SktimeLSTMClassifier(**SMALL).fit([X[0] * np.nan, *X[1:]], y)
    with pytest.raises(DataFormatError, match="features"):
        SktimeLSTMClassifier(**SMALL).fit(X, y).predict(np.zeros((2, 3, 4)))


DATES = np.arange(6).astype("datetime64[D]")


@pytest.mark.parametrize(
    "Adapter, y, message",
    [
        (SktimeLSTMRegressor, DATES, "Row 0 of y is .*datetime64.*numbers are accepted"),
        (SktimeLSTMRegressor, pd.Series(DATES), "Row 0 of y is .*datetime64"),
        (SktimeLSTMRegressor, np.ma.array(np.ones(6), mask=[0, 1] * 3), "y is a masked array"),
        (SktimeLSTMClassifier, np.ma.array([0, 1] * 3, mask=[0, 1] * 3), "y is a masked array"),
        (SktimeLSTMClassifier, np.array(["a", None] * 3, object), "Row 1 of y has no label"),
        (SktimeLSTMClassifier, np.array(["a", 1] * 3, object), "of mixed types, text and numbers"),
    ],
)
def test_targets_are_refused_before_sktime_changes_them(Adapter, y, message):
    with pytest.raises(DataFormatError, match=message):
        Adapter(max_epochs=1).fit(np.ones((6, 1, 4)), y)
