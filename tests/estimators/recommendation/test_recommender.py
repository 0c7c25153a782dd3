"""LSTMRecommender: what it recommends, ranks and scores, unknown items, scikit-learn's tools."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline

from seqlearn import LSTMRecommender
from seqlearn.errors import DataFormatError, InvalidParameterError, SeqlearnError

SMALL = {"hidden_size": 8, "item_size": 6, "max_epochs": 2, "random_state": 0}
RNG = np.random.default_rng(0)


def walks(n=60, n_items=12, seed=0):
    """Sessions that go round a circle of items: each is followed by the next but one, mostly."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(n):
        steps = np.where(rng.random(rng.integers(1, 8)) < 0.9, 2, 1)
        rows.append(((rng.integers(n_items) + np.cumsum(steps)) % n_items).tolist())
    return rows


SESSIONS = walks()


@pytest.fixture(scope="module")
def fitted():
    return LSTMRecommender(**SMALL | {"max_epochs": 30, "dropout": 0.0, "lr": 0.02}).fit(SESSIONS)


@pytest.fixture(scope="module")
def small():
    return LSTMRecommender(**SMALL).fit(SESSIONS)


def reciprocal(ranks):
    return float(np.where(ranks <= 20, 1 / ranks, 0).mean())


def test_it_learns_what_comes_next(fitted):
    test = walks(seed=1)
    assert fitted.score(test) > 0.85
    predicted = fitted.predict([[0, 2], [5], [9, 11]])
    assert predicted.tolist() == [4, 7, 1]


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"loss": "bpr_max"},
        {"loss": "top1_max"},
        {"tied": True},
        {"n_negatives": 4},
        {"n_negatives": 4, "loss": "bpr_max", "negative_power": 0.0},
        {"n_negatives": 4, "loss": "top1_max", "tied": True},
        {"backend": "gru"},
        {"optimizer": "rmsprop"},
    ],
    ids=str,
)
def test_every_loss_and_output_learns_it(options):
    model = LSTMRecommender(**SMALL | {"max_epochs": 30, "dropout": 0.0, "lr": 0.02} | options).fit(
        SESSIONS
    )
    assert model.score(walks(seed=1)) > 0.8


# Ranks and scores.


def test_ranks_are_those_of_the_recommended_scores(small):
    test = walks(20, seed=1)
    ranks, due = small.rank_steps(test), []
    for row in test:
        for step in range(1, len(row)):
            items, scores = small.recommend([row[:step]], k=12)
            own = scores[0, items[0].tolist().index(row[step])]
            due.append((scores[0] >= own).sum())
    assert ranks.tolist() == due
    assert small.score(test) == pytest.approx(reciprocal(ranks))


def test_next_items_given_apart_have_the_ranks_of_those_inside(small):
    test = [row for row in walks(20, seed=1) if len(row) > 1]
    ranks = small.rank_steps(test)
    last = np.cumsum([len(row) - 1 for row in test]) - 1
    prefixes, y = [row[:-1] for row in test], [row[-1] for row in test]
    assert small.rank_steps(prefixes, y).tolist() == ranks[last].tolist()
    assert small.rank_steps(prefixes, np.array(y)).tolist() == ranks[last].tolist()
    assert small.score(prefixes, y) == pytest.approx(reciprocal(ranks[last]))
    with pytest.raises(DataFormatError, match="y has 1 next item\\."):
        small.rank_steps(prefixes, y[:1])


def test_constant_scores_rank_last_and_score_nothing():
    sessions = walks(60, n_items=30)
    model = LSTMRecommender(**SMALL).fit(sessions)
    with torch.no_grad():
        model.net_.module_.head.weight.zero_()
        model.net_.module_.head.bias.fill_(3.0)
    assert set(model.rank_steps(sessions).tolist()) == {30}
    assert model.score(sessions) == 0.0


def test_neither_order_nor_batch_mates_change_an_answer(small):
    test = [row for row in walks(40, seed=2) if row]
    items, scores = small.recommend(test, k=12)
    order = np.random.default_rng(0).permutation(len(test))
    again = small.recommend([test[i] for i in order], k=12)
    assert np.array_equal(again[0], items[order]) and np.array_equal(again[1], scores[order])
    for i in (0, 7, 39):
        alone = small.recommend([test[i]], k=12)
        assert np.array_equal(alone[1][0], scores[i]) and np.array_equal(alone[0][0], items[i])
    ranks = small.rank_steps(test)
    starts = np.concatenate(([0], np.cumsum([len(row) - 1 for row in test])))
    for i in (0, 7, 39):
        assert small.rank_steps([test[i]]).tolist() == ranks[starts[i] : starts[i + 1]].tolist()


def test_no_state_goes_from_one_session_into_the_next(small):
    lone = small.recommend([[3, 5]], k=12)[1]
    assert np.array_equal(small.recommend([[1, 2, 7, 7], [3, 5]], k=12)[1][1], lone[0])


def test_a_later_step_changes_no_earlier_answer(small):
    row = [0, 2, 4, 6, 7, 9]
    assert small.rank_steps([row])[:3].tolist() == small.rank_steps([row[:4]]).tolist()


def test_probabilities_sum_to_one_and_order_items_as_scores_do(small):
    found = small.predict_proba([*SESSIONS[:9], []])
    assert found.shape == (10, 12) and found.dtype == np.float64
    np.testing.assert_allclose(found.sum(axis=1), 1)
    best = small.items_[found[:9].argmax(axis=1)]
    assert best.tolist() == small.predict(SESSIONS[:9]).tolist()
    shares = small._learned.targets.counts / small._learned.targets.counts.sum()
    np.testing.assert_allclose(found[9], shares, rtol=1e-5)
    assert not hasattr(LSTMRecommender(loss="bpr_max"), "predict_proba")


# What is recommended.


def test_candidates_may_be_restricted(small):
    items, scores = small.recommend(SESSIONS[:5], k=12)
    chosen, own = small.recommend(SESSIONS[:5], k=2, items=np.array([3, 8, 5, 8]))
    for row in range(5):
        among = [i for i, item in enumerate(items[row].tolist()) if item in (3, 8, 5)][:2]
        assert chosen[row].tolist() == items[row, among].tolist()
        assert own[row].tolist() == scores[row, among].tolist()
    with pytest.raises(DataFormatError, match=r"items= holds 77.*must be among"):
        small.recommend(SESSIONS, items=[3, 77])
    with pytest.raises(DataFormatError, match="items= is empty"):
        small.recommend(SESSIONS, items=[])


def test_what_was_seen_can_be_left_out(small):
    sessions = [[0, 1, 0], list(range(11)), list(range(12)), []]
    items, scores = small.recommend(sessions, k=5, exclude_seen=True)
    assert not {0, 1} & set(items[0].tolist()) and np.isfinite(scores[0]).all()
    assert items[1, 0] == 11 and np.isfinite(scores[1, 0]) and (scores[1, 1:] == -np.inf).all()
    assert (scores[2] == -np.inf).all() and len(set(items[2].tolist())) == 5
    assert np.isfinite(scores[3]).all()
    within, own = small.recommend([[3]], k=5, exclude_seen=True, items=[3, 4])
    assert within.tolist() == [[4, 3]] and own[0, 1] == -np.inf


def test_equal_scores_come_in_the_order_of_items():
    """More of them than are asked for, and some better ones, so that the border is among equals."""
    sessions = [[i % 40, (i + 1) % 40] for i in range(40)]
    model = LSTMRecommender(**SMALL | {"max_epochs": 1}).fit(sessions)
    for k in (1, 5, 40):
        assert model.recommend([[]], k=k)[0].tolist() == [list(range(k))]
    assert model.predict([[]]).tolist() == [0]
    assert model.recommend([[]], k=2, items=[31, 7, 9])[0].tolist() == [[7, 9]]
    with torch.no_grad():
        model.net_.module_.head.weight.zero_()
        model.net_.module_.head.bias.zero_()
        model.net_.module_.head.bias[[30, 20]] = torch.tensor([1.0, 2.0])
    items, scores = model.recommend([[3], []], k=5)
    assert items.tolist() == [[20, 30, 0, 1, 2], [0, 1, 2, 3, 4]]
    assert scores[0].tolist() == [2, 1, 0, 0, 0]
    assert model.predict([[3]]).tolist() == [20]
    seen = model.recommend([list(range(38))], k=6, exclude_seen=True)
    assert seen[0].tolist() == [[38, 39, 0, 1, 2, 3]] and np.isinf(seen[1][0, 2:]).all()


def test_k_is_at_most_all_candidates(small):
    items, scores = small.recommend([[1]], k=500)
    assert items.shape == scores.shape == (1, 12) and set(items[0].tolist()) == set(range(12))
    assert (np.diff(scores[0]) <= 0).all()
    assert small.recommend([], k=3)[0].shape == (0, 3)
    for k in (0, -1, 2.5, True, "a"):
        with pytest.raises(InvalidParameterError, match=r"k of LSTMRecommender.recommend must be"):
            small.recommend([[1]], k=k)
    with pytest.raises(InvalidParameterError, match=r"exclude_seen of LSTMRecommender.recommend"):
        small.recommend([[1]], exclude_seen="yes")


def test_many_sessions_are_answered_piece_by_piece(small, monkeypatch):
    sessions = [row if i % 3 else [] for i, row in enumerate(walks(30, seed=4))]
    whole = small.recommend(sessions, k=4)
    monkeypatch.setattr("seqlearn.estimators.recommendation.recommender.SCORES_AT_ONCE", 12 * 7)
    for one, due in zip(small.recommend(sessions, k=4), whole, strict=True):
        assert np.array_equal(one, due)


# Empty sessions and unknown items.


def test_an_empty_session_is_given_the_most_popular_items():
    sessions = [["b", "a"], ["b", "c", "b"], ["c", "a", "b"]]
    model = LSTMRecommender(**SMALL).fit(sessions)
    items, scores = model.recommend([[], ["b"]], k=3)
    assert items[0].tolist() == ["b", "a", "c"]  # of equal counts, in the order of items_
    np.testing.assert_allclose(np.exp(scores[0]), [4 / 8, 2 / 8, 2 / 8], rtol=1e-6)
    with pytest.warns(UserWarning, match="2 of 2 steps of X"):
        assert model.predict([["x", "y"]]).tolist() == ["b"]
    ranks = model.rank_steps([[], []], ["b", "c"])
    assert ranks.tolist() == [1, 3]


def test_empty_sessions_are_refused_in_fit():
    with pytest.raises(DataFormatError, match="Sessions 1 and 3 of X hold no item"):
        LSTMRecommender().fit([["a", "b"], [], ["a"], []])
    with pytest.raises(DataFormatError, match="Session 1 of X holds no item"):
        LSTMRecommender().fit([["a", "b"], []])
    with pytest.raises(DataFormatError, match="X holds no session"):
        LSTMRecommender().fit([])
    with pytest.raises(DataFormatError, match="No session of X has two items"):
        LSTMRecommender().fit([["a"], ["b"]])
    with pytest.raises(DataFormatError, match="No session of X has two items"):
        LSTMRecommender().fit([["a"], ["b", "c"]], sample_weight=[1, 0])


def test_unknown_items_are_left_out_of_input_and_target_and_counted(small):
    with pytest.warns(
        UserWarning, match=r"2 of 5 steps of X are items .* not see: 50 and 51"
    ) as told:
        ranks = small.rank_steps([[0, 50, 2], [51, 4]])
    assert [one.filename for one in told] == [__file__]
    assert ranks.tolist() == small.rank_steps([[0, 2]]).tolist()
    with pytest.warns(UserWarning, match="1 of 2 next items in y are items that fit did not see"):
        assert len(small.rank_steps([[0], [2]], [60, 4])) == 1
    with pytest.warns(UserWarning) as told:
        small.recommend([[1, 70]])
    assert [one.filename for one in told] == [__file__]
    with pytest.warns(UserWarning):
        assert small.score([[0, 50, 2]]) == small.score([[0, 2]])
    with pytest.warns(UserWarning), pytest.raises(DataFormatError, match="nothing to score"):
        small.score([[50, 51]])


def test_unknown_items_are_refused_if_that_is_asked_for(small):
    strict = clone(small).set_params(unknown_items="error").fit(SESSIONS)
    with pytest.raises(DataFormatError, match="2 of 3 steps of X are items that fit did not see"):
        strict.recommend([[0, 50], [51]])
    assert strict.predict([[0]]).shape == (1,)


def test_a_setting_that_was_changed_is_checked_in_prediction_too(small):
    changed = clone(small).fit(SESSIONS).set_params(unknown_items="bla")
    with pytest.raises(InvalidParameterError, match="'unknown_items' parameter"):
        changed.predict([[0, 50]])


def test_prefixes_of_unknown_items_alone_are_left_out_as_inside_of_sessions(small):
    rows = [[50, 1], [2, 4], [51, 3, 5]]
    prefixes, y = [row[:-1] for row in rows], [row[-1] for row in rows]
    with pytest.warns(UserWarning, match="2 of 7 steps"):
        due = small.rank_steps(rows)
    with pytest.warns(UserWarning, match="2 of 4 steps .* 1 session of X had no others"):
        assert small.rank_steps(prefixes, y).tolist() == due.tolist()
    assert len(small.rank_steps([[], [2]], [1, 4])) == 2  # given as empty


@pytest.mark.parametrize(
    ("items", "message"),
    [
        (3, "{} is 3, of type int. A flat list of items is accepted"),
        ("tea", "{} is 'tea', of type str"),
        ({3: 1}, "{} is .*, of type dict"),
        ({3}, r"{} is .*, of type set.*give list\({}\)"),
        (np.array(3), "{} is array"),
        (pd.DataFrame({"a": [1], "b": [2]}), "{} is a frame of 2 columns"),
        ([[1]], r"Item 0 of {} is \[1\], of type list, which is not hashable"),
        ([None], "Item 0 of {} is None: the item is missing. Leave it"),
    ],
    ids=str,
)
def test_what_is_no_flat_list_of_items_is_refused_by_name(small, items, message):
    with pytest.raises(DataFormatError, match=message.format("items", "items")):
        small.recommend([[1]], items=items)
    for ask in (small.rank_steps, clone(small).fit):
        with pytest.raises(DataFormatError, match=message.format("y", "y")):
            ask([[1]], items)


def test_next_items_in_any_container(small):
    due = small.rank_steps([[0], [3]], [2, 5]).tolist()
    frame = pd.DataFrame({"next": [2, 5]})
    for y in (
        frame,
        frame["next"],
        pl.DataFrame(frame),
        pl.DataFrame(frame)["next"],
        pa.table({"next": [2, 5]}),
        (np.int32(2), np.int64(5)),
    ):
        assert small.rank_steps([[0], [3]], y).tolist() == due
        candidates = small.recommend([[0]], items=y)[0]
        assert sorted(candidates[0].tolist()) == [2, 5]


def test_items_have_vectors_of_their_own_for_scores_by_default():
    """Tied ones cost accuracy where items are few."""
    assert LSTMRecommender().tied is False


def test_items_of_any_one_type():
    for names in ("abcdefghijkl", [(i, str(i)) for i in range(12)], np.arange(12) * 1.5):
        names = list(names)
        rows = [[names[i] for i in row] for row in SESSIONS]
        model = LSTMRecommender(**SMALL).fit(rows)
        assert model.items_.tolist() == sorted(names)
        due = LSTMRecommender(**SMALL).fit([[sorted(names).index(i) for i in r] for r in rows])
        items, scores = model.recommend(rows[:5], k=3)
        same, own = due.recommend([[sorted(names).index(i) for i in r] for r in rows[:5]], k=3)
        assert items.ravel().tolist() == [sorted(names)[i] for i in same.ravel().tolist()]
        assert np.array_equal(scores, own)
    with pytest.raises(DataFormatError, match="several types, int and str"):
        LSTMRecommender().fit([[1, "1"]])


# Frames and context.


def long_frame(sessions):
    rows = [
        {"user": f"u{number}", "item": item, "at": step, "kind": "odd" if item % 2 else "even"}
        for number, session in enumerate(sessions)
        for step, item in enumerate(session)
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    "make", [pd.DataFrame, pl.DataFrame, pa.Table.from_pandas], ids=["pandas", "polars", "pyarrow"]
)
def test_a_long_frame_is_its_sessions(make, small):
    frame = long_frame(SESSIONS).sample(frac=1.0, random_state=0)
    first = list(dict.fromkeys(frame["user"]))
    frame = frame if make is pd.DataFrame else make(frame)
    model = LSTMRecommender("item", "user", "at", **SMALL).fit(frame)
    assert np.array_equal(model.items_, small.items_)
    items, scores = model.recommend(frame, k=4)
    rows = [SESSIONS[int(name[1:])] for name in first]
    same, own = small.recommend(rows, k=4)
    assert np.array_equal(items, same) and np.array_equal(scores, own)
    assert np.array_equal(model.rank_steps(frame), small.rank_steps(rows))


def events(n, seed):
    """Steps of which the kind of event alone says what comes next."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(n):
        row = [(int(rng.integers(6)), str(rng.choice(["up", "down"])))]
        while len(row) < 6:
            item, kind = row[-1]
            row.append(((item + (1 if kind == "up" else -1)) % 6, str(rng.choice(["up", "down"]))))
        rows.append(row)
    return rows


def test_context_tells_of_the_step_it_stands_at():
    options = SMALL | {"max_epochs": 12, "dropout": 0.0, "lr": 0.03, "context_size": 4}
    model = LSTMRecommender(context=["kind"], **options).fit(events(60, 0))
    assert model.score(events(20, 1)) > 0.95
    blind = LSTMRecommender(**options).fit([[item for item, _ in row] for row in events(60, 0)])
    assert blind.score([[item for item, _ in row] for row in events(20, 1)]) < 0.9
    assert model.predict([[(3, "up")], [(3, "down")]]).tolist() == [4, 2]
    # What is not known, or was never seen, is one and the same, and no error.
    with pytest.warns(UserWarning, match="1 of 1 steps of X have .* column 'kind' .*: 'sideways'"):
        odd = model.recommend([[(3, "sideways")]])[1]
    scores = [odd, *(model.recommend([[(3, kind)]])[1] for kind in (None, float("nan")))]
    assert np.array_equal(scores[0], scores[1]) and np.array_equal(scores[0], scores[2])
    with pytest.raises(DataFormatError, match="a step is a tuple of 2"):
        model.predict([[3, 4]])
    with pytest.raises(DataFormatError, match="names another number of columns than in fit, 1"):
        model.set_params(context=None).predict([[3, 4]])


def test_context_of_a_frame():
    frame = long_frame(SESSIONS)
    options = {"item": "item", "by": "user", "order": "at", "context": ["kind"]}
    model = LSTMRecommender(**options, **SMALL).fit(frame)
    rows = [[(item, "odd" if item % 2 else "even") for item in row] for row in SESSIONS]
    due = LSTMRecommender(context=["kind"], **SMALL).fit(rows)
    assert np.array_equal(model.recommend(frame)[1], due.recommend(rows)[1])


def test_next_items_given_to_fit_are_one_more_step():
    whole = [row for row in SESSIONS if len(row) > 1]
    model = LSTMRecommender(**SMALL).fit([row[:-1] for row in whole], [row[-1] for row in whole])
    due = LSTMRecommender(**SMALL).fit(whole)
    assert np.array_equal(model.recommend(whole)[1], due.recommend(whole)[1])


def test_unknown_contexts_are_counted_in_one_warning():
    model = LSTMRecommender(**SMALL, context=["kind", "place"])
    model.fit([[("a", "x", 1), ("b", "y", 2)]] * 3)
    rows = [[("a", "z", 1), ("b", "w", 7)], [("a", None, None), ("b", "z", 2)]]
    with pytest.warns(UserWarning) as told:
        model.recommend(rows)
    assert [one.filename for one in told] == [__file__]
    text = str(told[0].message)
    assert (
        "3 of 4 steps of X have values of column 'kind' that fit did not see: 'w' and 'z'" in text
    )
    assert "1 of 4 steps of X have values of column 'place' that fit did not see: 7." in text


def test_next_items_may_be_steps_with_their_context():
    rows = [[("a", "x"), ("b", "y")], [("b", "x"), ("a", "y")]]
    model = LSTMRecommender(**SMALL, context=["kind"]).fit(rows * 3)
    prefixes = [row[:-1] for row in rows]
    due = model.rank_steps(prefixes, ["b", "a"])
    assert np.array_equal(model.rank_steps(prefixes, [row[-1] for row in rows]), due)
    again = clone(model).fit(prefixes * 3, [row[-1] for row in rows] * 3)
    assert again.items_.tolist() == ["a", "b"]
    pairs = [[(("a", 1), "x"), (("b", 1), "y")]] * 3
    model = LSTMRecommender(**SMALL, context=["kind"]).fit(pairs)
    one = model.rank_steps(pairs[:1]).tolist()
    assert model.rank_steps([pairs[0][:1]], [("b", 1)]).tolist() == one
    assert model.rank_steps([pairs[0][:1]], [(("b", 1), "y")]).tolist() == one


def test_other_columns_of_a_frame_may_hold_anything():
    frame = long_frame(SESSIONS)
    due = LSTMRecommender("item", "user", "at", **SMALL).fit(frame).recommend(frame)
    names = LSTMRecommender("item", "user", "at", **SMALL)
    tags = [["x", "y"]] * len(frame)
    pairs = [(one, 0) for one in frame["item"]]
    for X in (
        frame.assign(tags=tags),
        pl.DataFrame(frame).with_columns(tags=pl.Series(tags)),
        frame.assign(user=[(one, 1) for one in frame["user"]]),
        frame.set_index(["user", "at"], drop=False).rename_axis([None, None]),
        frame.assign(item=pairs),
    ):
        items, scores = clone(names).fit(X).recommend(X)
        assert np.array_equal(scores, due[1]) and items.shape == due[0].shape
    assert items[0, 0] == (due[0][0, 0], 0)
    with pytest.raises(DataFormatError, match=r"LazyFrame.*X.collect\(\)"):
        names.fit(pl.DataFrame(frame).lazy())


# Seeds, weights, scikit-learn's tools.


@pytest.mark.parametrize("n_negatives", [None, 4])
def test_a_seed_fixes_every_bit_and_no_global_state_is_touched(n_negatives):
    options = SMALL | {"n_negatives": n_negatives}
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    first = LSTMRecommender(**options).fit(SESSIONS).recommend(SESSIONS)[1]
    torch.manual_seed(9)
    again = LSTMRecommender(**options).fit(SESSIONS[::-1]).recommend(SESSIONS)[1]
    assert np.array_equal(first, again)  # nor does the order of sessions matter
    torch.set_rng_state(before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])
    other = LSTMRecommender(**options | {"random_state": 1}).fit(SESSIONS).recommend(SESSIONS)[1]
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("n_negatives", [None, 4])
def test_weights_are_repetitions(n_negatives):
    weights = np.arange(len(SESSIONS)) % 3
    repeated = [row for row, n in zip(SESSIONS, weights, strict=True) for _ in range(n)]
    options = SMALL | {"n_negatives": n_negatives}
    model = LSTMRecommender(**options).fit(SESSIONS, sample_weight=weights)
    due = LSTMRecommender(**options).fit(repeated)
    assert np.array_equal(model.recommend([*SESSIONS, []])[1], due.recommend([*SESSIONS, []])[1])


def test_a_common_factor_in_the_weights_changes_no_popularity():
    sessions, weights = [["a", "b"], ["b", "c"], ["b", "a"]], np.array([1.0, 2.0, 4.0])
    due = LSTMRecommender(**SMALL).fit(sessions, sample_weight=weights)
    for factor in (1e-3, 1e3):
        model = LSTMRecommender(**SMALL).fit(sessions, sample_weight=weights * factor)
        np.testing.assert_allclose(model.recommend([[]])[1], due.recommend([[]])[1], rtol=1e-6)


def test_sessions_without_weight_teach_no_context():
    rows = [[("a", "x"), ("b", "y")], [("b", "z"), ("a", "x")]]
    model = LSTMRecommender(**SMALL, context=["kind"]).fit(rows, sample_weight=[1, 0])
    assert model._learned.targets.contexts == [["x", "y"]]
    assert np.array_equal(
        model.recommend(rows[:1])[1],
        LSTMRecommender(**SMALL, context=["kind"]).fit(rows[:1]).recommend(rows[:1])[1],
    )


def test_any_power_of_counts_can_be_drawn_by():
    for power in (0.0, 400.0):
        model = LSTMRecommender(**SMALL, n_negatives=4, negative_power=power).fit(SESSIONS)
        assert np.isfinite(model.loss_curve_).all()


class Shortened(TransformerMixin, BaseEstimator):
    """The last five steps of each session."""

    def fit(self, X, y=None):
        return self

    def __sklearn_is_fitted__(self):
        return True

    def transform(self, X):
        return [row[-5:] for row in X]


def test_scikit_learns_tools_take_lists_of_lists():
    pipe = make_pipeline(Shortened(), LSTMRecommender(**SMALL)).fit(SESSIONS)
    assert 0 <= pipe.score(SESSIONS) <= 1 and pipe.predict(SESSIONS).shape == (60,)
    found = cross_validate(LSTMRecommender(**SMALL), SESSIONS, cv=3, error_score="raise")
    assert found["test_score"].shape == (3,)
    grid = {"hidden_size": [4, 8], "loss": ["cross_entropy", "bpr_max"]}
    search = GridSearchCV(LSTMRecommender(**SMALL), grid, cv=2, error_score="raise").fit(SESSIONS)
    assert len(search.cv_results_["params"]) == 4
    y = [row[-1] for row in SESSIONS]
    GridSearchCV(LSTMRecommender(**SMALL), {"lr": [0.01]}, cv=2, error_score="raise").fit(
        SESSIONS, y
    )
    model = LSTMRecommender("item", context=["a"], n_negatives=7)
    assert clone(model).get_params() == model.get_params()


def test_early_stopping_holds_sessions_out_and_scores_their_ranks():
    model = LSTMRecommender(**SMALL | {"early_stopping": True, "max_epochs": 3}).fit(SESSIONS)
    row = model.history_[-1]
    assert 0 < row["valid_score"] <= 1 and row["valid_loss"] > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "bpr"}, "'loss' parameter of LSTMRecommender must be one of 'cross_entropy'"),
        ({"n_negatives": 0}, "'n_negatives' parameter .* an int >= 1 or None"),
        ({"negative_power": -1}, "'negative_power'"),
        ({"logq": -1}, "'logq'"),
        ({"context": "kind"}, "'context' parameter .* a list or None"),
        ({"item": ["item"]}, "'item' parameter .* the name of a column or None"),
        ({"tied": 1}, "'tied'"),
        ({"item_size": 0}, "'item_size'"),
        ({"unknown_items": "drop"}, "'unknown_items'"),
        ({"backend": "lstmfcn"}, "is not causal.* such as 'torch' or 'gru'"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_parameters_are_checked(options, message):
    with pytest.raises(InvalidParameterError, match=message):
        LSTMRecommender(**options).fit(SESSIONS)


def test_before_fit_it_says_so():
    for method in ("recommend", "predict", "score", "rank_steps"):
        with pytest.raises(AttributeError, match="not fitted"):
            getattr(LSTMRecommender(), method)([[1, 2]])


def test_a_fit_that_fails_changes_nothing(small):
    model = clone(small).fit(SESSIONS)
    before = model.recommend(SESSIONS)[1]
    with pytest.raises(SeqlearnError):
        model.fit([[1, 2], []])
    assert np.array_equal(model.recommend(SESSIONS)[1], before)


def test_data_that_is_known_brings_no_warning(small):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        small.recommend(SESSIONS)
        small.score(SESSIONS)
