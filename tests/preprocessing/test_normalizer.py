"""`SequenceNormalizer` against scikit-learn's scalers on each sequence alone."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.utils.estimator_checks import check_dataframe_column_names_consistency, check_estimator

from seqlearn import LSTMClassifier, Sequences, to_sequences
from seqlearn.errors import DataFormatError, InvalidParameterError
from seqlearn.preprocessing import SequenceNormalizer

METHODS = {"standard": StandardScaler, "minmax": MinMaxScaler}


@st.composite
def ragged_rows(draw):
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    lengths = draw(st.lists(st.integers(1, 6), min_size=1, max_size=5))
    scales = 10.0 ** rng.integers(-6, 6, size=(len(lengths), 2))
    return [rng.normal(3.0, 1.0, (n, 2)) * s for n, s in zip(lengths, scales, strict=True)]


@pytest.mark.parametrize("method", METHODS)
@settings(deadline=None, max_examples=40)
@given(rows=ragged_rows())
def test_it_does_to_each_sequence_what_scikit_learn_does(method, rows):
    found = SequenceNormalizer(method).fit_transform(rows)
    for row, values in zip(rows, found, strict=True):
        expected = METHODS[method]().fit_transform(row)
        np.testing.assert_allclose(values, expected, atol=1e-7)


@pytest.mark.parametrize("method", METHODS)
def test_neighbours_do_not_matter(method):
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(n, 2)) * 10.0**n for n in (3, 7, 1, 12)]
    together = SequenceNormalizer(method).fit_transform(X)
    for row, values in zip(X, together, strict=True):
        assert np.array_equal(SequenceNormalizer(method).fit(X).transform([row])[0], values)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("value", [0.0, 0.1, -1e7, 1e300])
def test_a_constant_feature_becomes_zero(method, value):
    X = [np.full((5, 1), value), np.full((1, 1), 7.0), np.array([[1.0], [2.0]])]
    first, single, other = SequenceNormalizer(method).fit_transform(X)
    assert not first.any() and not single.any() and other.any()


@pytest.mark.parametrize("scale", [1e-300, 1e-30, 1.0, 1e30, 1e300])
@pytest.mark.parametrize("method", METHODS)
def test_the_scale_of_a_sequence_does_not_matter(method, scale):
    row = np.array([[0.0], [1.0], [5.0], [-2.0]])
    small, large = SequenceNormalizer(method).fit_transform([row, row * scale])
    np.testing.assert_allclose(small, large, rtol=1e-12, atol=1e-12)


def test_containers_come_back_as_they_were():
    rows = [np.arange(6.0).reshape(3, 2), np.arange(2.0).reshape(1, 2)]
    packed = SequenceNormalizer().fit_transform(to_sequences(rows))
    assert isinstance(packed, Sequences)
    array = np.random.default_rng(0).normal(size=(4, 5, 2)).astype(np.float32)
    cube = SequenceNormalizer().fit_transform(array)
    assert cube.shape == array.shape and cube.dtype == np.float32
    np.testing.assert_allclose(cube.mean(axis=1), 0, atol=1e-6)
    np.testing.assert_allclose(cube.std(axis=1), 1, atol=1e-6)
    series = SequenceNormalizer().fit_transform(array[..., 0])
    np.testing.assert_allclose(series, cube[..., 0], atol=1e-6)
    flat = SequenceNormalizer().fit_transform([np.arange(3.0), np.arange(4.0)])
    assert [row.shape for row in flat] == [(3,), (4,)]
    frame = pd.DataFrame(array[..., 0], columns=list("abcde"))
    names = SequenceNormalizer().set_output(transform="pandas").fit(frame)
    assert list(names.transform(frame).columns) == list("abcde")


def test_the_input_is_not_modified():
    X = [np.arange(4.0)[:, None]]
    before = X[0].copy()
    SequenceNormalizer().fit_transform(X)
    assert np.array_equal(X[0], before)


def test_what_makes_no_sense_is_refused():
    X = [np.ones((3, 2)), np.ones((2, 2))]
    with pytest.raises(NotFittedError):
        SequenceNormalizer().transform(X)
    with pytest.raises(InvalidParameterError, match=r"one of \('standard', 'minmax'\). Got 'z'"):
        SequenceNormalizer("z").fit(X)
    with pytest.raises(InvalidParameterError, match="Got 'z'"):
        SequenceNormalizer().fit(X).set_params(method="z").transform(X)
    fitted = SequenceNormalizer().fit(X)
    with pytest.raises(DataFormatError, match="X has 3 features"):
        fitted.transform([np.ones((3, 3))])
    with pytest.raises(DataFormatError):
        fitted.fit([np.array([[np.inf, 1.0]])])
    assert fitted.n_features_in_ == 2


@pytest.mark.parametrize("method", METHODS)
@settings(deadline=None, max_examples=40)
@given(rows=ragged_rows())
def test_what_is_missing_is_left_out_and_stays(method, rows):
    gaps = [
        np.where(np.random.default_rng(i).random(x.shape) < 0.4, np.nan, x)
        for i, x in enumerate(rows)
    ]
    found = SequenceNormalizer(method).fit_transform(gaps)
    for row, values in zip(gaps, found, strict=True):
        for column, changed in zip(row.T, values.T, strict=True):
            seen = column[~np.isnan(column)]
            np.testing.assert_array_equal(np.isnan(changed), np.isnan(column))
            if len(seen):
                expected = METHODS[method]().fit_transform(seen[:, None])[:, 0]
                np.testing.assert_allclose(changed[~np.isnan(column)], expected, atol=1e-7)


@pytest.mark.parametrize("method", METHODS)
def test_only_the_columns_named_are_changed(method):
    rows = [np.random.default_rng(n).normal(5, 2, (n, 3)) for n in (4, 7)]
    everything = SequenceNormalizer(method).fit_transform(rows)
    for columns in ({"columns": [1, 2]}, {"time_column": 0}):
        found = SequenceNormalizer(method, **columns).fit_transform(rows)
        for values, due, row in zip(found, everything, rows, strict=True):
            np.testing.assert_array_equal(values, np.column_stack([row[:, 0], due[:, 1:]]))
    with pytest.raises(InvalidParameterError, match="time_column=3, but X has 3 values"):
        SequenceNormalizer(time_column=3).fit(rows)


@pytest.mark.parametrize("method", METHODS)
def test_every_check_of_scikit_learn_passes(method):
    for result in check_estimator(SequenceNormalizer(method), on_fail=None):
        assert result["status"] in ("passed", "skipped"), result
    check_dataframe_column_names_consistency("SequenceNormalizer", SequenceNormalizer(method))


def test_clones_pickles_and_pipelines():
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(n, 1)) * 10.0**n for n in (3, 5, 4, 6)]
    normalizer = clone(SequenceNormalizer("minmax")).fit(X)
    again = pickle.loads(pickle.dumps(normalizer))
    assert all(map(np.array_equal, normalizer.transform(X), again.transform(X)))
    pipe = make_pipeline(SequenceNormalizer(), LSTMClassifier(hidden_size=3, max_epochs=1))
    assert pipe.fit(X, [0, 1, 0, 1]).predict(X).shape == (4,)
