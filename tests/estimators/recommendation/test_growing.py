"""Training that goes on with new items and contexts: the tables grow, what is known stays."""

import numpy as np
import pytest
import torch

from seqlearn import LSTMRecommender
from seqlearn.errors import DataFormatError, InvalidParameterError

SMALL = {"hidden_size": 6, "item_size": 4, "max_epochs": 2, "random_state": 0}
FIRST = [["b", "d"], ["d", "b", "f"], ["f", "d"]]
NEW = [["a", "b"], ["c", "d", "a"]]
TINY = 1e-30  # a learning rate at which no weight changes


def arrays(model):
    return model.net_._arrays()


@pytest.mark.parametrize("tied", [False, True])
def test_known_items_keep_their_bits_until_the_first_update(tied):
    model = LSTMRecommender(**SMALL, tied=tied).fit(FIRST)
    before, scores = arrays(model), model.recommend(FIRST, items=["b", "d", "f"])
    model.set_params(lr=TINY).partial_fit(NEW)
    assert model.items_.tolist() == ["b", "d", "f", "a", "c"]
    after = arrays(model)
    for name, was in before["weights"].items():
        now = after["weights"][name]
        assert np.abs(now[: len(was)] - was).max() <= 2 * TINY, name
        grows = name in ("input.items.weight", "head.weight", "head.bias")
        assert (len(now) == len(was) + 2) == grows
    again = model.recommend(FIRST, items=["b", "d", "f"])
    assert np.array_equal(again[0], scores[0]) and np.array_equal(again[1], scores[1])


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "rmsprop"])
def test_the_optimisers_state_grows_too(optimizer):
    model = LSTMRecommender(**SMALL, optimizer=optimizer, gradient_clip=None).fit(FIRST)
    before = arrays(model)["optimizer"]
    model.set_params(lr=TINY).partial_fit([["x", "y"]])
    after = arrays(model)["optimizer"]
    assert after.keys() == before.keys()
    shapes = [tuple(one.shape) for one in model.net_.module_.parameters()]
    for i, shape in enumerate(shapes):
        for name, value in after[i].items():
            if np.ndim(value):
                assert value.shape == shape, name


def test_an_optimiser_whose_state_cannot_grow_starts_anew():
    options = SMALL | {"optimizer": torch.optim.LBFGS, "gradient_clip": None, "lr_schedule": None}
    model = LSTMRecommender(**options).fit(FIRST).partial_fit(NEW)
    assert len(model.items_) == 5 and np.isfinite(model.loss_curve_).all()
    assert model.partial_fit(NEW).n_iter_ == 4


def test_new_items_are_learned_and_old_ones_are_not_forgotten():
    options = SMALL | {"max_epochs": 40, "dropout": 0.0, "lr": 0.03, "batch_size": 4}
    model = LSTMRecommender(**options).fit([["b", "d"], ["d", "f"], ["f", "b"]] * 3)
    assert model.predict([["b"], ["d"], ["f"]]).tolist() == ["d", "f", "b"]
    more = [["x", "y"], ["y", "x"], ["b", "d"], ["d", "f"], ["f", "b"]]
    for _ in range(30):
        model.partial_fit(more)
    assert model.predict([["x"], ["y"], ["b"], ["d"]]).tolist() == ["y", "x", "d", "f"]
    assert model.n_iter_ == 70


def test_popularity_is_that_of_all_parts():
    model = LSTMRecommender(**SMALL)
    model.partial_fit([["a", "b"], ["a", "c"]]).partial_fit([["c", "c", "d", "c"]])
    counts = dict(zip(model.items_.tolist(), model._learned.targets.counts, strict=True))
    assert counts == {"a": 2, "b": 1, "c": 4, "d": 1}
    assert model.predict([[]]).tolist() == ["c"]


def test_contexts_grow_as_items_do():
    model = LSTMRecommender(**SMALL, context=["kind"], context_size=3)
    model.fit([[("a", "x"), ("b", "z")], [("b", "x"), ("a", None)]])
    known = model.recommend([[("a", "z")]])[1]
    model.set_params(lr=TINY).partial_fit([[("a", "y"), ("b", "w")]])
    assert model._learned.targets.contexts == [["x", "z", "w", "y"]]
    assert arrays(model)["weights"]["input.contexts.0.weight"].shape == (5, 3)
    assert np.array_equal(model.recommend([[("a", "z")]])[1], known)


def test_parts_without_anything_new_change_no_shape():
    model = LSTMRecommender(**SMALL).fit(FIRST)
    model.partial_fit([["b", "f"]])
    assert model.items_.tolist() == ["b", "d", "f"] and model.n_iter_ == 3


def test_warm_start_goes_on_and_grows():
    model = LSTMRecommender(**SMALL, warm_start=True).fit(FIRST).fit(FIRST + NEW)
    assert model.n_iter_ == 4 and model.items_.tolist() == ["b", "d", "f", "a", "c"]


def test_sampled_losses_may_go_on_with_other_settings_of_the_loss():
    model = LSTMRecommender(**SMALL, n_negatives=2).fit(FIRST)
    model.set_params(n_negatives=3, loss="bpr_max").partial_fit(NEW)
    assert model.n_iter_ == 3


def test_what_cannot_go_on_is_refused_and_changes_nothing():
    model = LSTMRecommender(**SMALL).fit(FIRST)
    before = model.recommend(FIRST)[1]
    with pytest.raises(
        DataFormatError, match="of type int; those of the last fit were of type str"
    ):
        model.partial_fit([[1, 2]])
    with pytest.raises(
        DataFormatError, match="1 column of context, but that of the last fit had 0"
    ):
        model.set_params(context=["kind"]).partial_fit([[("b", 1), ("d", 1)]])
    model.set_params(context=None)
    for change in ({"hidden_size": 7}, {"item_size": 5}, {"tied": True}):
        with pytest.raises(InvalidParameterError, match="continue the network of the last fit"):
            LSTMRecommender(**SMALL).fit(FIRST).set_params(**change).partial_fit(NEW)
    assert np.array_equal(model.recommend(FIRST)[1], before)
