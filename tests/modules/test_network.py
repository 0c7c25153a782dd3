"""A network step by step against the same network on whole rows; states of rows; what heads see."""

from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from seqlearn.data.word_tables import BagTable, WordTable
from seqlearn.errors import InvalidParameterError
from seqlearn.inputs.embeddings import BagEmbedding, WordEmbedding
from seqlearn.inputs.station import Input, Inputs
from seqlearn.modules.heads.head import Head
from seqlearn.modules.heads.labels import LabelHead
from seqlearn.modules.heads.linear import ClassHead, ValueHead
from seqlearn.modules.heads.next_step import NextStepHead
from seqlearn.modules.network import Network
from seqlearn.modules.readouts import READOUTS
from seqlearn.registry import available_backends, load_backend
from seqlearn.states import map_rows, select_rows, shapes

B, T, F = 5, 6, 3
HEADS = {
    "classes": (ClassHead, {"output_size": 4}),
    "values": (ValueHead, {"output_size": 2, "loss": "huber"}),
    "labels": (LabelHead, {"output_size": 4}),
    "next": (NextStepHead, {"feature_scale": np.ones(F, np.float32)}),
}
OF_ROWS = [(head, readout) for head in ("classes", "values") for readout in READOUTS]
KINDS = [*OF_ROWS, ("labels", None), ("next", "last")]
KNOWN = {name: load_backend(name)() for name in available_backends()}
STATEFUL = [name for name, one in KNOWN.items() if one.stateful and not one.missing]


def network_of(head="classes", readout="last", *, backend="torch", input=None, **changes):
    encoder = {"backend": load_backend(backend)(), "input_size": F, "hidden_size": 8}
    encoder |= {"num_layers": 2, "bidirectional": False, "dropout": 0.0, "readout": readout}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Network(encoder | changes, HEADS[head] if isinstance(head, str) else head, input)
        if readout == "attention":
            nn.init.normal_(network.encoder.readout.score)
    return network.eval()


def rows_of(n_rows=B, n_steps=T, seed=0):
    return torch.randn(n_rows, n_steps, F, generator=torch.Generator().manual_seed(seed))


def steps_of(network, x, state=None):
    """Return the outputs of each step, (B, T, ...), and the state after the last."""
    answers = []
    with torch.inference_mode():
        for t in range(x.shape[1]):
            answer, state = network.step(x[:, t], state)
            answers.append(answer)
    return torch.stack(answers, dim=1), state


def on_prefixes(network, x):
    """Return what ``forward`` says of the newest step of every prefix, (B, T, ...)."""
    with torch.inference_mode():
        if isinstance(network.head, NextStepHead):  # it predicts from all steps but the last
            longer = torch.cat([x, x[:, :1]], dim=1)
            return network(longer).predicted
        if isinstance(network.head, LabelHead):
            prefixes = (network(x[:, : t + 1]).scores[:, -1] for t in range(x.shape[1]))
        else:
            prefixes = (network(x[:, : t + 1]) for t in range(x.shape[1]))
        return torch.stack(list(prefixes), dim=1)


def assert_close(found, due):
    torch.testing.assert_close(found, due, rtol=0, atol=1e-6)


# Step by step


@pytest.mark.parametrize(("head", "readout"), KINDS)
def test_steps_give_what_the_network_says_of_every_prefix(head, readout):
    network, x = network_of(head, readout), rows_of()
    assert_close(steps_of(network, x)[0], on_prefixes(network, x))


@pytest.mark.parametrize("backend", STATEFUL)
def test_steps_of_every_backend_that_has_a_state(backend):
    network, x = network_of("labels", None, backend=backend), rows_of()
    assert_close(steps_of(network, x)[0], on_prefixes(network, x))


@pytest.mark.parametrize("bags", [False, True])
def test_words_and_bags_are_read_step_by_step(bags):
    index = np.array([[0, 1, 1, 2], [2, 2, 0, 1]])
    if bags:
        table = BagTable(np.array([1, 2, 1]), np.array([1.0, 0.5, 2.0]), np.array([0, 2, 2, 3]))
        input = (BagEmbedding, {"n_features": 3, "size": 7, "dropout": 0.0})
    else:
        table = WordTable(np.array([1, 2, 0]))
        input = (WordEmbedding, {"n_words": 3, "size": 7, "dropout": 0.0, "word_dropout": 0.0})
    network, state = network_of("labels", None, input=input), None
    with torch.inference_mode():
        due = network(table.batch(index, torch.device("cpu"))).scores
        for t in range(4):
            batch = table.batch(index[:, t : t + 1], torch.device("cpu"))
            found, state = network.step(batch, state)
            assert_close(found, due[:, t])


class Differences(Input):
    """Each step less the one before: an input that has a state of its own."""

    def forward(self, x, lengths):
        return Inputs(torch.cat([x[:, :1], x.diff(dim=1)], dim=1), lengths)

    def step(self, x, state=None):
        return x if state is None else x - state, x


def test_the_state_of_an_input_goes_with_the_others():
    network = network_of("classes", "mean", input=(Differences, {"output_size": F}))
    x = rows_of()
    found, state = steps_of(network, x)
    assert_close(found, on_prefixes(network, x))
    assert torch.equal(state[0], x[:, -1])


def test_a_core_in_two_directions_has_no_steps():
    with pytest.raises(InvalidParameterError, match="bidirectional=False"):
        network_of(bidirectional=True).step(rows_of()[:, 0])


# States are of rows


@pytest.mark.parametrize(("head", "readout"), KINDS)
@pytest.mark.parametrize("rows", [[2], [3, 0], [1, 1, 4], [4, 3, 2, 1, 0], [0] * 17])
def test_rows_of_a_state_continue_those_rows(head, readout, rows):
    network, x = network_of(head, readout), rows_of()
    due, _ = steps_of(network, x)
    _, state = steps_of(network, x[:, :2])
    found, _ = steps_of(network, x[rows, 2:], map_rows(lambda part: part[rows], state))
    assert_close(found, due[rows, 2:])
    assert head == "next" or torch.equal(found, due[rows, 2:])


@pytest.mark.parametrize(("head", "readout"), KINDS)
def test_states_of_other_rows_are_joined(head, readout):
    network, x = network_of(head, readout), rows_of(n_steps=4)
    due, _ = steps_of(network, x)
    states = [steps_of(network, part[:, :2])[1] for part in (x[:2], x[2:])]
    joined = map_rows(lambda *parts: torch.cat(parts), *states)
    assert_close(steps_of(network, x[:, 2:], joined)[0], due[:, 2:])


@pytest.mark.parametrize("backend", STATEFUL)
def test_batch_mates_do_not_matter_step_by_step(backend):
    """To 1e-6 with any backend, to the bit with torch's LSTM."""
    network, x = network_of("classes", "last", backend=backend), rows_of(n_rows=35)
    due, _ = steps_of(network, x)
    for rows in ([34], [3, 0], list(range(10, 30))):
        found, _ = steps_of(network, x[rows])
        assert_close(found, due[rows])
        assert backend != "torch" or torch.equal(found, due[rows])


def test_a_state_is_not_changed_by_going_on_from_it():
    network, x = network_of("classes", "attention"), rows_of()
    _, state = steps_of(network, x[:, :3])
    before = map_rows(torch.clone, state)
    once, twice = (steps_of(network, x[:, 3:], state)[0] for _ in range(2))
    assert torch.equal(once, twice)
    map_rows(lambda a, b: torch.testing.assert_close(a, b, rtol=0, atol=0), state, before)


def test_rows_go_on_from_a_state_of_the_core():
    network, x = network_of("labels", None), rows_of()
    with torch.inference_mode():
        _, state = network.run(x[:, :2])
        assert_close(network(x[:, 2:], None, state).scores, network(x).scores[:, 2:])
        # Rows of other lengths may go on too.
        lengths = torch.tensor([4, 1, 3, 2, 4])
        ragged = network(x[:, 2:], lengths, state).scores
    for row, length in enumerate(lengths.tolist()):
        assert_close(ragged[row, :length], network(x).scores[row, 2 : 2 + length])


# What stations are handed


class Told(NamedTuple):
    features: Tensor
    seen: tuple


class Tell(Head):
    """A head that says what it was given."""

    def __init__(self, input_size):
        super().__init__()

    def forward(self, features, seen):
        return Told(features, seen)

    def loss(self, outputs, y):
        raise NotImplementedError

    score = loss


class TellSteps(Tell):
    reads_steps = True


class Shortened(Input):
    """Every second step, of another width: an input that changes the number of steps."""

    def forward(self, x, lengths):
        shorter = None if lengths is None else (lengths + 1) // 2
        return Inputs(x[:, ::2].repeat(1, 1, 2), shorter, "context")


@pytest.mark.parametrize("lengths", [None, torch.tensor([6, 5, 4, 2, 1])])
@pytest.mark.parametrize("Kind", [Tell, TellSteps])
def test_a_head_sees_what_was_read_and_the_targets(Kind, lengths):
    network = network_of((Kind, {}), "mean", input=(Shortened, {"output_size": 2 * F})).train()
    x, y = rows_of(), torch.arange(B)
    features, (given, values, left, context, targets, itself) = network(x, lengths, y=y)
    assert given is x and targets is y and itself is network and context == "context"
    assert torch.equal(values, x[:, ::2].repeat(1, 1, 2))
    assert left is None if lengths is None else left.tolist() == [3, 3, 2, 1, 1]
    due, _ = network.encoder(values, left, keep_steps=Kind.reads_steps)
    assert torch.equal(features, due)
    assert torch.equal(network.encode(x, lengths), network.encoder(values, left)[0])


def test_a_head_that_cannot_answer_step_by_step_says_so():
    network = network_of((Tell, {}))
    with pytest.raises(NotImplementedError, match="Tell does not answer step by step"):
        network.step(rows_of()[:, 0])


@pytest.mark.parametrize("head", HEADS)
def test_lengths_may_be_left_out_where_rows_are_full(head):
    network, x = network_of(head, "last"), rows_of()
    with torch.inference_mode():
        one, other = network(x), network(x, torch.full((B,), T))
    if isinstance(one, tuple):
        one, other = one[0], other[0]
    assert_close(one, other)
    assert torch.equal(one, other)


def test_what_is_no_state_and_no_step_of_this_network_is_refused():
    network, x = network_of((ClassHead, {"output_size": 3}), "last"), rows_of()[:, 0]
    with torch.inference_mode():
        _, state = network.step(x)
        for wrong, said in [
            ("state", "of type str"),
            (state[1], "of type tuple"),
            ((None, select_rows(state[1], torch.tensor([0, 1])), None), "is due, rows first"),
            ((None, (state[1],), None), "is due, rows first"),
        ]:
            with pytest.raises(InvalidParameterError, match=said):
                network.step(x, wrong)
        with pytest.raises(InvalidParameterError, match=r"of shape \(5, 1\) was given"):
            network.step(x[:, :1])
        both = network_of((ClassHead, {"output_size": 3}), "last", bidirectional=True)
        with pytest.raises(InvalidParameterError, match="bidirectional=False"):
            both.step(x)


@pytest.mark.parametrize("readout", READOUTS)
def test_the_state_of_another_readout_or_of_other_rows_is_refused(readout):
    x = rows_of()[:, 0]
    networks = {name: network_of("classes", name) for name in READOUTS}
    with torch.inference_mode():
        states = {name: network.step(x)[1] for name, network in networks.items()}
        due = states[readout]
        wrong = [state for state in states.values() if shapes(state[2]) != shapes(due[2])]
        one_row = map_rows(lambda part: part[:1], due[2])
        wrong += [(None, due[1], one_row)] * (one_row is not None)
        wrong += [(None, None, one_row)] * (one_row is not None)
        for state in wrong:
            with pytest.raises(InvalidParameterError, match="is due, rows first"):
                networks[readout].step(x, state)
