"""`SequenceImputer` against pandas and scikit-learn, in every kind of container."""

import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import check_dataframe_column_names_consistency, check_estimator

import seqlearn
from seqlearn import LSTMClassifier, SequenceEncoder, Sequences, to_sequences
from seqlearn.errors import DataFormatError, InvalidParameterError
from seqlearn.preprocessing import SequenceImputer, SequenceNormalizer, SequenceScaler

METHODS = ["forward", "mean", "zero"]
NAN = np.nan
quick = settings(deadline=None, max_examples=40)


@st.composite
def rows_with_gaps(draw):
    lengths = draw(st.lists(st.integers(1, 6), min_size=1, max_size=5))
    elements = st.one_of(st.just(NAN), st.floats(-1e3, 1e3))
    values = draw(arrays.arrays(np.float64, (sum(lengths), 2), elements=elements))
    return np.split(values, np.cumsum(lengths)[:-1])


@quick
@given(rows=rows_with_gaps())
def test_each_way_is_that_of_pandas_and_scikit_learn(rows):
    steps = np.concatenate(rows)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a column of nothing
        mean = SimpleImputer(keep_empty_features=True).fit(steps)
    expected = {
        "forward": [mean.transform(pd.DataFrame(row).ffill().to_numpy()) for row in rows],
        "mean": [mean.transform(row) for row in rows],
        "zero": [np.nan_to_num(row) for row in rows],
    }
    for method, due in expected.items():
        for found, one in zip(SequenceImputer(method).fit_transform(rows), due, strict=True):
            np.testing.assert_allclose(found, one, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("method", METHODS)
@quick
@given(rows=rows_with_gaps())
def test_it_never_looks_ahead_nor_at_neighbours(method, rows):
    imputer = SequenceImputer(method).fit(rows)
    for row, filled in zip(rows, imputer.transform(rows), strict=True):
        for t in range(1, len(row) + 1):
            [alone] = imputer.transform([row[:t]])
            np.testing.assert_array_equal(alone, filled[:t])


@pytest.mark.parametrize("method", METHODS)
def test_what_is_there_stays_to_the_bit_and_nothing_is_warned_of(method):
    rows = [np.array([[NAN, 1 / 3], [NAN, NAN]]), np.array([[NAN, 0.1]])]
    imputer = SequenceImputer(method).fit(rows)
    first, second = imputer.transform(rows)
    assert first[:, 0].tolist() == [0, 0] and second.tolist() == [[0, 0.1]]
    assert first[0, 1] == 1 / 3
    assert imputer.fill_[0] == 0 and np.isfinite(imputer.fill_).all()
    assert np.isnan(rows[0][0, 0])  # the input is not changed
    complete = [np.ones((2, 2)), np.zeros((1, 2))]
    np.testing.assert_array_equal(imputer.transform(complete)[0], complete[0])


def test_a_column_that_was_never_observed_in_fit_may_be_later():
    imputer = SequenceImputer().fit([np.full((2, 1), NAN)])
    assert imputer.transform([np.array([[NAN], [5.0], [NAN]])])[0].ravel().tolist() == [0, 5, 5]


@pytest.mark.parametrize("method", METHODS)
def test_containers_come_back_as_they_were(method):
    rows = [np.array([[1.0, NAN], [NAN, 2.0], [NAN, NAN]]), np.array([[NAN, 4.0]])]
    imputer = SequenceImputer(method).fit(rows)
    due = imputer.transform(rows)
    packed = imputer.transform(to_sequences(rows))
    assert type(packed) is Sequences
    objects = np.empty(2, dtype=object)
    objects[:] = rows
    for X in (packed, imputer.transform(objects), imputer.transform([x.tolist() for x in rows])):
        for found, one in zip(X, due, strict=True):
            np.testing.assert_array_equal(found, one)
    cube = np.stack([rows[0], rows[0]]).astype(np.float32)
    filled = imputer.transform(cube)
    assert filled.shape == cube.shape and filled.dtype == np.float32
    np.testing.assert_allclose(filled[1], due[0], rtol=1e-6)
    matrix = pd.DataFrame({"a": [1.0, NAN], "b": [NAN, 3.0]})
    of_series = SequenceImputer(method).set_output(transform="pandas").fit_transform(matrix)
    assert list(of_series.columns) == ["a", "b"] and not of_series.isna().to_numpy().any()
    lists = {"a": [[1.0, NAN], [NAN]], "b": [[NAN, 2.0], [3.0]]}
    table = SequenceImputer(method).fit_transform(pl.DataFrame(lists))
    assert type(table) is pl.DataFrame and table.columns == ["a", "b"]
    assert table["a"][0].to_list() == [1.0, {"forward": 1.0, "mean": 1.0, "zero": 0.0}[method]]


def test_what_makes_no_sense_is_refused():
    rows = [np.array([[1.0, NAN]])]
    with pytest.raises(NotFittedError):
        SequenceImputer().transform(rows)
    for method in ("backward", None, ["mean"]):
        with pytest.raises(InvalidParameterError, match=r"'method'.*'forward', 'mean', 'zero'"):
            SequenceImputer(method).fit(rows)
    fitted = SequenceImputer().fit(rows)
    with pytest.raises(InvalidParameterError, match="Got 'x'"):
        fitted.set_params(method="x").transform(rows)
    with pytest.raises(DataFormatError, match="infinity: sequence 0 at step 0"):
        SequenceImputer().fit([np.array([[np.inf, NAN]])])
    with pytest.raises(DataFormatError, match="X has 1 features"):
        SequenceImputer().fit(rows).transform([np.ones((2, 1))])


@pytest.mark.parametrize("method", METHODS)
def test_every_check_of_scikit_learn_passes(method):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the checks provoke warnings on purpose
        results = check_estimator(SequenceImputer(method), on_fail=None, on_skip=None)
    assert [(r["check_name"], r["exception"]) for r in results if r["status"] != "passed"] == []
    check_dataframe_column_names_consistency("SequenceImputer", SequenceImputer(method))


def test_tags_say_that_nan_is_accepted():
    for transformer in (SequenceImputer(), SequenceScaler(), SequenceNormalizer()):
        assert get_tags(transformer).input_tags.allow_nan


def test_clones_pickles_and_searches():
    rng = np.random.default_rng(0)
    y = np.arange(12) % 2
    X = [np.where(rng.random((5, 2)) < 0.3, NAN, rng.normal(label, 0.2, (5, 2))) for label in y]
    imputer = clone(SequenceImputer("mean")).fit(X)
    again = pickle.loads(pickle.dumps(imputer))
    assert all(map(np.array_equal, again.transform(X), imputer.transform(X)))
    pipe = make_pipeline(SequenceScaler(clip=5.0), SequenceImputer(), LSTMClassifier(max_epochs=1))
    search = GridSearchCV(pipe, {"sequenceimputer__method": METHODS}, cv=2, error_score="raise")
    assert search.fit(to_sequences(X), y).predict(X).shape == (12,)
    with pytest.raises(DataFormatError, match=r"LSTMClassifier does not.*SequenceImputer"):
        make_pipeline(SequenceScaler(), LSTMClassifier(max_epochs=1)).fit(X, y)
    reader = LSTMClassifier(max_epochs=1, missing="mask")  # behind a step that refuses NaN
    with pytest.raises(DataFormatError, match=r"NaN.*SequenceEncoder does not.*missing='mask'"):
        make_pipeline(SequenceEncoder(max_epochs=1), reader).fit(X, y)
    assert seqlearn.preprocessing.SequenceImputer is SequenceImputer
