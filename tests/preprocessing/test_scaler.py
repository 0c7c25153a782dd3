"""`SequenceScaler` against scikit-learn's scalers on all steps, in every kind of container."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler
from sklearn.utils.estimator_checks import check_dataframe_column_names_consistency, check_estimator

import seqlearn
from seqlearn import LSTMClassifier, Sequences, to_sequences
from seqlearn.errors import DataFormatError, InvalidParameterError
from seqlearn.preprocessing import SequenceScaler

METHODS = {"standard": StandardScaler, "robust": RobustScaler, "minmax": MinMaxScaler}
PIECEWISE = ["standard", "minmax"]
quick = settings(deadline=None, max_examples=40)


def make_rows(lengths=(5, 1, 8, 3), features=3, dtype="float64"):
    rng = np.random.default_rng(0)
    scale = np.array([1.0, 1e-3, 1e4])[:features]
    return [(rng.gamma(2, scale, (n, features)) - 3 * scale).astype(dtype) for n in lengths]


def as_objects(rows):
    array = np.empty(len(rows), dtype=object)
    for i, row in enumerate(rows):
        array[i] = row
    return array


def assert_rows_close(found, expected, **tolerance):
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, **tolerance)


# Against scikit-learn.


@st.composite
def rows_of_numbers(draw):
    lengths = draw(st.lists(st.integers(1, 6), min_size=1, max_size=5))
    elements = st.floats(-1e3, 1e3).map(lambda value: round(value, 3))
    values = draw(arrays.arrays(np.float64, (sum(lengths), 2), elements=elements))
    return np.split(values, np.cumsum(lengths)[:-1])


@pytest.mark.parametrize("method", METHODS)
@quick
@given(rows=rows_of_numbers())
def test_it_does_to_all_steps_what_scikit_learn_does_to_rows(method, rows):
    steps = np.concatenate(rows)
    peer = METHODS[method]().fit(steps)
    scaler = SequenceScaler(method).fit(rows)
    expected = np.split(peer.transform(steps), np.cumsum([len(row) for row in rows])[:-1])
    assert_rows_close(scaler.transform(rows), expected, atol=1e-7, rtol=1e-7)
    assert scaler.n_steps_seen_ == len(steps)
    assert_rows_close(scaler.inverse_transform(expected), rows, atol=1e-7, rtol=1e-7)


@pytest.mark.parametrize("method", PIECEWISE)
@quick
@given(rows=rows_of_numbers(), data=st.data())
def test_pieces_end_where_all_at_once_does(method, rows, data):
    whole, pieces = SequenceScaler(method).fit(rows), SequenceScaler(method)
    first = data.draw(st.integers(1, len(rows)))
    for piece in (rows[:first], rows[first:]):
        if piece:
            pieces.partial_fit(piece)
    np.testing.assert_allclose(pieces.center_, whole.center_, atol=1e-10)
    np.testing.assert_allclose(pieces.scale_, whole.scale_, rtol=1e-6, atol=1e-9)
    assert pieces.n_steps_seen_ == whole.n_steps_seen_


@pytest.mark.parametrize("method", METHODS)
def test_a_matrix_has_one_scale(method):
    X = np.random.default_rng(0).normal(3, 2, (20, 7))
    expected = METHODS[method]().fit_transform(X.reshape(-1, 1)).reshape(X.shape)
    np.testing.assert_allclose(SequenceScaler(method).fit_transform(X), expected)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("value", [0.0, 0.1, -1e7])
def test_a_constant_feature_becomes_zero(method, value):
    """Also over many steps, where the rounding error of a running sum is not small."""
    X = np.empty((100, 1000, 2))
    X[..., 0] = value
    X[..., 1] = np.linspace(0, 1, 1000)
    scaler = SequenceScaler(method)
    if method == "robust":
        scaler.fit(X)
    else:
        for piece in np.array_split(X, 3):
            scaler.partial_fit(piece)
    assert scaler.scale_[0] == 1
    assert scaler.scale_[1] < 1 or method == "minmax"
    np.testing.assert_allclose(scaler.transform(X)[..., 0], 0, atol=1e-8)
    np.testing.assert_allclose(scaler.inverse_transform(scaler.transform(X)), X, atol=1e-8)


def test_a_spread_far_below_the_mean_is_still_a_spread():
    X = 1e6 + np.random.default_rng(0).normal(size=(10, 100, 1))
    scaled = SequenceScaler().fit_transform(X)
    assert scaled.mean() == pytest.approx(0, abs=1e-6)
    assert scaled.std() == pytest.approx(1, abs=1e-6)


# Containers and types.


def test_ragged_containers_come_back_as_they_were():
    rows = make_rows()
    scaler = SequenceScaler().fit(rows)
    expected = scaler.transform(rows)
    assert type(expected) is list
    assert [row.shape for row in expected] == [row.shape for row in rows]
    objects = scaler.transform(as_objects(rows))
    assert (type(objects), objects.dtype, objects.shape) == (np.ndarray, object, (4,))
    assert_rows_close(objects, expected, rtol=0)
    packed = scaler.transform(to_sequences(rows))
    assert type(packed) is Sequences
    assert_rows_close(packed, expected, rtol=0)
    lists = [
        tuple(rows),
        [row.tolist() for row in rows],
        [torch.from_numpy(row) for row in rows],
        [pd.DataFrame(row) for row in rows],
    ]
    for X in lists:
        found = scaler.transform(X)
        assert type(found) is list
        assert_rows_close(found, expected, rtol=0)
        assert_rows_close(scaler.inverse_transform(X), scaler.inverse_transform(rows), rtol=0)


def test_object_arrays_of_equal_lengths_stay_one_dimensional():
    rows = make_rows((4, 4, 4))
    found = SequenceScaler().fit_transform(as_objects(rows))
    assert (found.dtype, found.shape) == (object, (3,))


def test_arrays_come_back_as_arrays():
    X = np.stack(make_rows((4, 4, 4)))
    scaler = SequenceScaler().fit(X)
    found = scaler.transform(X)
    assert (type(found), found.shape) == (np.ndarray, (3, 4, 3))
    np.testing.assert_array_equal(scaler.transform(torch.from_numpy(X)), found)
    assert_rows_close(scaler.transform(list(X)), found, rtol=0)
    assert_rows_close(scaler.transform(X.tolist()), found, rtol=0)
    matrix = SequenceScaler().fit_transform(X[:, :, 0])
    assert (type(matrix), matrix.shape) == (np.ndarray, (3, 4))
    frame = SequenceScaler().fit_transform(pd.DataFrame(X[:, :, 0]))
    assert type(frame) is np.ndarray
    np.testing.assert_array_equal(frame, matrix)


def test_univariate_rows_stay_one_dimensional():
    rows = [row[:, 0] for row in make_rows()]
    scaler = SequenceScaler().fit(rows)
    expected = StandardScaler().fit(np.concatenate(rows)[:, None])
    for X in (rows, as_objects(rows), pd.Series(rows), [row.tolist() for row in rows]):
        found = scaler.transform(X)
        assert [row.shape for row in found] == [row.shape for row in rows]
        assert_rows_close(found, [expected.transform(row[:, None])[:, 0] for row in rows])
    one_length = scaler.transform([rows[0], rows[0]])
    assert [row.shape for row in one_length] == [(5,), (5,)]
    matrix = SequenceScaler().fit_transform([rows[0], rows[0] + 1])
    assert matrix.shape == (2, 5)


@pytest.mark.parametrize(
    ("given_dtype", "expected"),
    [("float32", "float32"), ("float64", "float64"), ("int64", "float64"), ("bool", "float64")],
)
def test_floating_values_keep_their_type(given_dtype, expected):
    rows = make_rows(dtype=given_dtype)
    scaler = SequenceScaler().fit(rows)
    assert scaler.center_.dtype == scaler.scale_.dtype == np.float64
    assert {row.dtype for row in scaler.transform(rows)} == {np.dtype(expected)}
    assert {row.dtype for row in scaler.inverse_transform(rows)} == {np.dtype(expected)}
    assert scaler.transform(np.stack([rows[0]] * 2)).dtype == expected


def test_the_input_is_not_modified_and_not_shared():
    X = np.stack(make_rows((4, 4)))
    before = X.copy()
    scaler = SequenceScaler().fit(X)
    scaler.inverse_transform(scaler.transform(X))
    np.testing.assert_array_equal(X, before)
    for method in ("transform", "inverse_transform"):
        assert not np.shares_memory(getattr(scaler, method)(X), X)
    expected = scaler.transform(before)
    X += 1
    np.testing.assert_array_equal(scaler.transform(before), expected)


# set_output.


@pytest.mark.parametrize("wrap", [lambda s: s, make_pipeline])
def test_pandas_output_is_safe_for_every_kind(wrap):
    rows = make_rows((4, 4, 4))
    frame = pd.DataFrame(np.stack(rows)[:, :, 0], columns=list("abcd"), index=[3, 5, 5])
    for X in (np.stack(rows), rows, make_rows(), as_objects(rows), to_sequences(rows)):
        model = wrap(SequenceScaler()).set_output(transform="pandas")
        for found in (model.fit_transform(X), model.transform(X)):
            assert type(found) is type(X)
    model = wrap(SequenceScaler()).set_output(transform="pandas")
    for found in (model.fit_transform(frame), model.transform(frame)):
        assert type(found) is pd.DataFrame
        assert found.columns.tolist() == list("abcd")
        assert found.index.tolist() == [3, 5, 5]
        np.testing.assert_array_equal(found, SequenceScaler().fit_transform(frame.to_numpy()))
    assert model.get_feature_names_out().tolist() == list("abcd")
    model = wrap(SequenceScaler()).set_output(transform="pandas")
    assert model.fit_transform([[1.0, 2], [3, 4]]).columns.tolist() == ["x0", "x1"]


def test_polars_output_and_input():
    pl = pytest.importorskip("polars")
    X = pl.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    scaler = SequenceScaler().set_output(transform="polars")
    found = scaler.fit_transform(X)
    assert type(found) is pl.DataFrame
    assert found.columns == scaler.feature_names_in_.tolist() == ["a", "b"]
    with pytest.raises(ValueError, match="feature names"):
        scaler.transform(X.rename({"a": "c"}))


def test_arrays_and_lists_have_no_feature_names():
    scaler = SequenceScaler()
    with pytest.raises(NotFittedError):
        scaler.get_feature_names_out()
    scaler.fit(make_rows())
    assert not hasattr(scaler, "get_feature_names_out")
    scaler.fit(pd.DataFrame({"a": [1.0], "b": [2.0]}))
    assert scaler.get_feature_names_out().tolist() == ["a", "b"]
    scaler.fit(make_rows())
    assert not hasattr(scaler, "feature_names_in_")


# Bad input.

MIXED_NAMES = pd.DataFrame([[1.0, 2.0], [3.0, 4.0]], columns=["a", 1])
WRONG_IN_FIT = {
    "infinity": ([np.array([[np.nan], [np.inf]])], "infinity: sequence 0 at step 1"),
    "empty": ([], "0 sample"),
    "a row of no steps": ([np.ones((1, 2)), np.ones((0, 2))], "Sequence 1 of X is empty"),
    "widths": ([np.ones((1, 2)), np.ones((1, 3)), np.ones((1, 2))], "sequence 1 has 3"),
    "1-D": (np.ones(3), "Expected 2D array"),
    "strings": ([["a"]], "not hold numbers"),
    "names of two types": (MIXED_NAMES, "string names"),
}


def snapshot(scaler):
    return pickle.dumps(sorted(vars(scaler).items()))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", WRONG_IN_FIT)
def test_a_fit_that_fails_leaves_the_scaler_as_it_was(method, name):
    X, message = WRONG_IN_FIT[name]
    fresh = SequenceScaler(method)
    fitted = clone(fresh).fit(make_rows())
    of_frame = clone(fresh).fit(pd.DataFrame({"a": [1.0, 3], "b": [2.0, 5]}))
    for scaler in (fresh, fitted, of_frame):
        before = snapshot(scaler)
        for learn in (scaler.fit, getattr(scaler, "partial_fit", scaler.fit)):
            with pytest.raises((DataFormatError, TypeError)) as caught:
                learn(X)
            if scaler is fresh or learn == scaler.fit:
                assert caught.match(message)
            assert snapshot(scaler) == before


@pytest.mark.parametrize("method", METHODS)
def test_a_fit_that_fails_in_arithmetic_leaves_the_scaler_as_it_was(method):
    scaler = SequenceScaler(method).fit(make_rows(features=1))
    before = snapshot(scaler)
    X = [np.array([[-1.7e308], [1.7e308], [1.7e308]])]
    for learn in (scaler.fit, getattr(scaler, "partial_fit", scaler.fit)):
        with np.errstate(all="raise"), pytest.raises(DataFormatError, match=r"of size 1\.7e"):
            learn(X)
        assert snapshot(scaler) == before


@pytest.mark.parametrize(
    ("fitted", "X", "message"),
    [
        (make_rows(), make_rows(features=2), "X has 2 features, but SequenceScaler is expecting 3"),
        (np.ones((2, 4)), np.ones((2, 5)), "X has 5 features, but SequenceScaler is expecting 4"),
        (np.ones((2, 4)), np.ones((2, 4, 1)), "X is 3-D or a list.*in fit it was a 2-D array"),
        (np.ones((2, 4)), [np.ones(4), np.ones(3)], "X is 3-D or a list.*in fit it was a 2-D"),
        (np.ones((2, 4, 1)), np.ones((2, 4)), "X is a 2-D array, but in fit it was 3-D or a list"),
        (make_rows(features=1), pd.DataFrame(np.ones((2, 4))), "X is a 2-D array"),
        (pd.DataFrame({"a": [1.0], "b": [2.0]}), pd.DataFrame({"b": [1.0], "a": [2.0]}), "order"),
        (make_rows(), [np.full((2, 3), np.inf)], "infinity.*sequence 0 at steps 0 and 1"),
    ],
)
def test_what_does_not_fit_the_fit_is_refused(fitted, X, message):
    scaler = SequenceScaler().fit(fitted)
    before = snapshot(scaler)
    for method in (scaler.transform, scaler.inverse_transform, scaler.partial_fit):
        with pytest.raises(ValueError, match=message):
            method(X)
    assert snapshot(scaler) == before


def test_it_must_be_fitted_first():
    for name in ("transform", "inverse_transform"):
        with pytest.raises(NotFittedError):
            getattr(SequenceScaler(), name)(make_rows())


@pytest.mark.parametrize("method", ["z", None, ["standard"]])
def test_unknown_methods_are_refused(method):
    for learn in ("fit", "partial_fit"):
        with pytest.raises(
            InvalidParameterError, match=r"'method'.*'standard', 'robust', 'minmax'"
        ):
            getattr(SequenceScaler(method), learn)(make_rows())


def test_a_median_cannot_be_had_in_pieces():
    assert not hasattr(SequenceScaler("robust"), "partial_fit")
    with pytest.raises(AttributeError, match="no attribute") as caught:
        SequenceScaler("robust").partial_fit(make_rows())
    assert "Use fit" in str(caught.value.__cause__)


@pytest.mark.parametrize(("first", "then"), [("robust", "standard"), ("standard", "minmax")])
def test_the_method_cannot_change_between_pieces(first, then):
    rows = make_rows()
    scaler = SequenceScaler(first).fit(rows).set_params(method=then)
    before = snapshot(scaler)
    with pytest.raises(InvalidParameterError, match=f"partial_fit.*method='{then}'"):
        scaler.partial_fit(rows)
    assert snapshot(scaler) == before
    assert_rows_close(scaler.fit_transform(rows), SequenceScaler(then).fit_transform(rows))


# What is missing.

NAN = np.nan


@st.composite
def rows_with_gaps(draw):
    lengths = draw(st.lists(st.integers(1, 6), min_size=1, max_size=5))
    elements = st.one_of(st.just(NAN), st.floats(-1e3, 1e3).map(lambda value: round(value, 3)))
    values = draw(arrays.arrays(np.float64, (sum(lengths), 2), elements=elements))
    return np.split(values, np.cumsum(lengths)[:-1])


@pytest.mark.parametrize("method", METHODS)
@quick
@given(rows=rows_with_gaps())
def test_statistics_are_those_of_what_was_observed(method, rows):
    steps, scaler = np.concatenate(rows), SequenceScaler(method).fit(rows)
    assert scaler.n_steps_seen_ == len(steps)
    scaled = np.concatenate(scaler.transform(rows))
    np.testing.assert_array_equal(np.isnan(scaled), np.isnan(steps))
    for i, column in enumerate(steps.T):
        seen = column[~np.isnan(column)]
        if not len(seen):
            assert (scaler.center_[i], scaler.scale_[i]) == (0, 1)
            continue
        alone = SequenceScaler(method).fit([seen[:, None]])
        np.testing.assert_allclose(
            (scaler.center_[i], scaler.scale_[i]),
            (alone.center_[0], alone.scale_[0]),
            rtol=1e-9,
            atol=1e-9,
        )
        expected = METHODS[method]().fit_transform(seen[:, None])[:, 0]
        np.testing.assert_allclose(scaled[:, i][~np.isnan(column)], expected, atol=1e-7)


@pytest.mark.parametrize("method", PIECEWISE)
@quick
@given(rows=rows_with_gaps(), data=st.data())
def test_pieces_with_gaps_end_where_all_at_once_does(method, rows, data):
    whole, pieces = SequenceScaler(method).fit(rows), SequenceScaler(method)
    first = data.draw(st.integers(1, len(rows)))
    for piece in (rows[:first], rows[first:]):
        if piece:
            pieces.partial_fit(piece)
    np.testing.assert_allclose(pieces.center_, whole.center_, atol=1e-10)
    np.testing.assert_allclose(pieces.scale_, whole.scale_, rtol=1e-6, atol=1e-9)
    assert pieces.n_steps_seen_ == whole.n_steps_seen_


@pytest.mark.parametrize("method", METHODS)
def test_steps_of_nothing_but_nan_change_no_bit(method):
    rows = make_rows()
    scaler = SequenceScaler(method).fit(rows)
    again = SequenceScaler(method).fit([*rows, np.full((4, 3), NAN)])
    np.testing.assert_array_equal(again.center_, scaler.center_)
    np.testing.assert_array_equal(again.scale_, scaler.scale_)
    gaps = np.where(np.eye(3, dtype=bool), NAN, np.stack(make_rows((3, 3))))
    back = scaler.inverse_transform(scaler.transform(gaps))
    np.testing.assert_allclose(back, gaps, rtol=1e-9)


# Columns, and limits.


def test_only_the_columns_named_are_scaled():
    rows, names = make_rows(), ["time", "a", "b"]
    frames = [pd.DataFrame(row, columns=names) for row in rows]
    everything = SequenceScaler().fit(rows).transform(rows)
    for X, given_columns in [
        (rows, {"columns": [1, 2]}),
        (rows, {"columns": np.array([-1, 1])}),
        (rows, {"time_column": 0}),
        (rows, {"columns": [2, 1], "time_column": 0}),
        (frames, {"columns": ["b", "a"]}),
        (frames, {"time_column": "time"}),
        (frames, {"time_column": -3}),
    ]:
        scaler = SequenceScaler(**given_columns, clip=0.5)
        if X is rows:
            pieces = clone(scaler).partial_fit(rows[:2]).partial_fit(rows[2:])
            np.testing.assert_allclose(pieces.scale_, scaler.fit(X).scale_)
        for found, all_scaled, row in zip(scaler.fit_transform(X), everything, rows, strict=True):
            np.testing.assert_array_equal(found[:, 0], row[:, 0])
            np.testing.assert_allclose(found[:, 1:], all_scaled[:, 1:].clip(-0.5, 0.5))
        assert (scaler.center_[0], scaler.scale_[0]) == (0, 1)
        back = scaler.set_params(clip=None).inverse_transform(scaler.transform(X))
        assert_rows_close(back, rows)
        np.testing.assert_array_equal(back[0][:, 0], rows[0][:, 0])


def test_a_wide_column_of_a_table_is_several_values():
    cells = [[np.ones((2, 2)), np.arange(2.0)], [np.full((1, 2), 3.0), np.ones(1)]]
    table = pd.DataFrame(cells, columns=["wide", "flat"], dtype=object)
    scaler = SequenceScaler(columns=["wide"]).fit(table)
    assert scaler.scale_[2] == 1 and (scaler.scale_[:2] != 1).all()
    assert (SequenceScaler(columns=["flat"]).fit(table).scale_[:2] == 1).all()


def test_wrong_values_are_limited():
    rows = [np.array([[36.0], [38.0], [37.0], [NAN]] * 50), np.array([[9999.0]])]
    scaler = SequenceScaler("robust", clip=3.0).fit(rows)
    found = scaler.transform(rows)
    assert found[1].tolist() == [[3.0]] and np.nanmax(found[0]) == 0.5
    assert np.isnan(found[0][3, 0])
    assert scaler.set_params(clip=None).transform(rows)[1][0, 0] > 1000


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"columns": []}, r"columns=\[\]: a list"),
        ({"columns": "a"}, "columns='a': a list"),
        ({"columns": 1}, "columns=1: a list"),
        ({"columns": [3]}, "columns=3, but X has 3 values a step: 0 to 2"),
        ({"columns": ["a"]}, "columns='a', but X has no names"),
        ({"columns": [0.5]}, r"columns=0\.5"),
        ({"time_column": True}, "time_column=True"),
        ({"time_column": -4}, "time_column=-4, but X has 3"),
        ({"time_column": 0, "columns": [0, 1]}, r"time_column=0 is one of columns=\[0, 1\]"),
        ({"clip": 0}, "'clip' parameter.*positive number or None. Got 0"),
        ({"clip": "5"}, "'clip' parameter"),
        ({"clip": True}, "'clip' parameter"),
    ],
)
def test_columns_and_limits_that_make_no_sense_are_refused(parameters, message):
    scaler = SequenceScaler(**parameters)
    for learn in (scaler.fit, scaler.partial_fit):
        with pytest.raises(InvalidParameterError, match=message):
            learn(make_rows())
    assert not hasattr(scaler, "scale_")
    frames = [pd.DataFrame({"a": [1.0], "b": [2.0]})]
    with pytest.raises(InvalidParameterError, match="columns='c', but X has the columns 'a' and"):
        SequenceScaler(columns=["c"]).fit(frames)
    with pytest.raises(InvalidParameterError, match="time_column=0, but X is 2-D"):
        SequenceScaler(time_column=0).fit(np.ones((2, 3)))


def test_the_columns_cannot_change_between_pieces():
    scaler = SequenceScaler(time_column=0).fit(make_rows())
    with pytest.raises(InvalidParameterError, match="other columns were scaled so far"):
        scaler.set_params(time_column=1).partial_fit(make_rows())
    with pytest.raises(InvalidParameterError, match="'clip'"):
        scaler.set_params(clip=-1).transform(make_rows())


# In scikit-learn's hands.


@pytest.mark.parametrize("method", METHODS)
def test_every_check_of_scikit_learn_passes(method):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the checks provoke warnings on purpose
        results = check_estimator(SequenceScaler(method), on_fail=None, on_skip=None)
    not_passed = [(r["check_name"], r["exception"]) for r in results if r["status"] != "passed"]
    assert not_passed == []
    assert len(results) >= 40


def test_column_names_are_checked():
    check_dataframe_column_names_consistency("SequenceScaler", SequenceScaler())


def test_clones_and_pickles():
    scaler = SequenceScaler("minmax").fit(make_rows())
    assert clone(scaler).get_params()["method"] == "minmax"
    again = pickle.loads(pickle.dumps(scaler))
    assert_rows_close(again.transform(make_rows()), scaler.transform(make_rows()), rtol=0)
    assert_rows_close(again.partial_fit(make_rows()).center_, scaler.center_)


@pytest.mark.slow
def test_in_a_pipeline_in_a_grid_search_over_two_processes():
    rng = np.random.default_rng(0)
    y = np.arange(24) % 2
    X = [rng.normal(1000 * label, 300, (rng.integers(2, 6), 2)) for label in y]
    pipe = make_pipeline(
        SequenceScaler(), LSTMClassifier(max_epochs=2, hidden_size=4, lr=0.1, random_state=0)
    )
    grid = {"sequencescaler__method": list(METHODS), "lstmclassifier__readout": ["last"]}
    for container in (X, as_objects(X), to_sequences(X)):
        search = GridSearchCV(pipe, grid, cv=2, n_jobs=2, error_score="raise").fit(container, y)
        assert search.cv_results_["mean_test_score"].min() > 0.7
        assert search.predict(X).shape == (24,)
    assert seqlearn.preprocessing.SequenceScaler is SequenceScaler
