"""What stands around the core, as ONNX nodes: scalers, vectors of words, readouts, heads, answers.

Shapes: N rows, T steps, F features, D core output, C classes or numbers. What stands past a row's
length may be anything, and reaches no answer of a row.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from onnx import TensorProto

from seqlearn.modules.readouts import Attention, LastStep, Max, Mean
from seqlearn_onnx.cores import weights_of
from seqlearn_onnx.graph import Graph

__all__ = ["READOUTS", "add_answers", "add_linear", "add_scalers", "add_words"]


def add_scalers(graph: Graph, scalers: list[Any], x: str) -> tuple[str, str]:
    """Scale x, float64, as each `SequenceScaler` does, one after the other.

    Returns
    -------
    scaled : str
        Of shape (N, T, F), float32.
    largest : str
        The largest size of these. It is infinite where one is past float32.
    """
    for scaler in scalers:
        x = graph.node("Sub", x, graph.constant(scaler.center_, np.float64))
        x = graph.node("Div", x, graph.constant(scaler.scale_, np.float64))
        if scaler.clip is not None:
            limit = np.where(scaler._is_scaled, scaler.clip, np.inf)  # (F,)
            x = graph.node("Min", x, graph.constant(limit, np.float64))
            x = graph.node("Max", x, graph.constant(-limit, np.float64))
    x = graph.node("Cast", x, to=TensorProto.FLOAT)
    return x, graph.node("ReduceMax", graph.node("Abs", x), keepdims=0)


def add_words(graph: Graph, embedding: Any, codes: str) -> str:
    """Look up the vectors of words (N, T, E): those that were learned, then those given."""
    table = np.concatenate([weights_of(embedding.words.weight), weights_of(embedding.fixed)])
    return graph.node("Gather", graph.constant(table, np.float32), codes, axis=0)


# Readouts: (graph, the encoder, its core's outputs (N, T, D), lengths (N,)) to a vector (N, D).


def _last(graph: Graph, encoder: Any, outputs: str, lengths: str) -> str:
    """Take the last step of a row; of the half that reads backwards, the first."""
    one = graph.constant([1], np.int64)
    place = graph.node("Unsqueeze", graph.node("Sub", lengths, one), one)  # (N, 1)
    last = graph.node("GatherND", outputs, place, batch_dims=1)  # (N, D)
    if not encoder.bidirectional:
        return last
    first = graph.node("Gather", outputs, graph.constant(0, np.int64), axis=1)  # (N, D)
    sides = graph.constant([encoder.readout.split] * 2, np.int64)
    forward, _ = graph.outputs_of("Split", 2, last, sides, axis=1)
    _, backward = graph.outputs_of("Split", 2, first, sides, axis=1)
    return graph.node("Concat", forward, backward, axis=1)


def _mean(graph: Graph, encoder: Any, outputs: str, lengths: str) -> str:
    total = _sum(graph, _filled(graph, outputs, _valid(graph, outputs, lengths), 0.0))
    n_steps = graph.node("Cast", lengths, to=TensorProto.FLOAT)
    return graph.node("Div", total, graph.node("Unsqueeze", n_steps, graph.constant([1], np.int64)))


def _max(graph: Graph, encoder: Any, outputs: str, lengths: str) -> str:
    filled = _filled(graph, outputs, _valid(graph, outputs, lengths), -np.inf)
    return graph.node("ReduceMax", filled, graph.constant([1], np.int64), keepdims=0)


def _attention(graph: Graph, encoder: Any, outputs: str, lengths: str) -> str:
    """Take a mean of the steps, weighted by a softmax over the steps of a row."""
    valid = _valid(graph, outputs, lengths)
    projected = graph.node("Tanh", add_linear(graph, encoder.readout.project, outputs))
    score = graph.node("Mul", projected, graph.constant(weights_of(encoder.readout.score)))
    scores = graph.node("ReduceSum", score, graph.constant([-1], np.int64))  # (N, T, 1)
    shares = graph.node("Softmax", _filled(graph, scores, valid, -np.inf), axis=1)
    return _sum(graph, graph.node("Mul", shares, _filled(graph, outputs, valid, 0.0)))


READOUTS: dict[type, Callable[[Graph, Any, str, str], str]] = {
    LastStep: _last,
    Mean: _mean,
    Max: _max,
    Attention: _attention,
}


def _valid(graph: Graph, outputs: str, lengths: str) -> str:
    """Whether a step is one of its row, (N, T, 1)."""
    n_steps = graph.node("Shape", outputs, start=1, end=2)
    scalars = [graph.constant(i, np.int64) for i in (0, 1)]
    n_steps = graph.node("Squeeze", n_steps)
    step = graph.node("Range", scalars[0], n_steps, scalars[1])  # (T,)
    of_row = graph.node("Unsqueeze", lengths, graph.constant([1], np.int64))  # (N, 1)
    is_step = graph.node("Less", step, of_row)  # (N, T)
    return graph.node("Unsqueeze", is_step, graph.constant([2], np.int64))


def _filled(graph: Graph, values: str, valid: str, filling: float) -> str:
    """Put something in place of the values past a row's length."""
    return graph.node("Where", valid, values, graph.constant(filling, np.float32))


def _sum(graph: Graph, values: str) -> str:
    """Sum over the steps, (N, T, D) to (N, D)."""
    return graph.node("ReduceSum", values, graph.constant([1], np.int64), keepdims=0)


# Heads, and what their outputs mean.


def add_linear(graph: Graph, linear: Any, x: str) -> str:
    """Add a linear map of the last axis, (..., D) to (..., C)."""
    product = graph.node("MatMul", x, graph.constant(weights_of(linear.weight).T))
    return graph.node("Add", product, graph.constant(weights_of(linear.bias)))


def add_answers(graph: Graph, task: str, targets: Any, scores: str) -> None:
    """Make outputs of the graph of what the head says, (N, C), or (N, T, C) of a tagger.

    Parameters
    ----------
    graph : Graph
        Where to.
    task : str
        As in `seqlearn_onnx.description.Description`.
    targets : Targets
        What is known of y.
    scores : str
        Of the head; of an encoder, the vectors of the rows.
    """
    if task == "vectors":
        graph.output("vectors", scores, np.float32, ["N", "D"], "Vector of each row.")
        return
    exact = graph.node("Cast", scores, to=TensorProto.DOUBLE)
    if task == "numbers":
        values = graph.node("Mul", exact, graph.constant(targets.scale, np.float64))
        values = graph.node("Add", values, graph.constant(targets.mean, np.float64))
        text = "Numbers of each row, in the unit of y."
        graph.output("values", values, np.float64, ["N", "C"], text)
        return
    one: list[str | int] = ["N", "T"] if task == "steps" else ["N"]
    of_what = "step" if task == "steps" else "row"
    each: list[str | int] = [*one, "C"]
    graph.output("scores", scores, np.float32, each, "Before the softmax or sigmoid.")
    if task == "several":
        chances = graph.node("Sigmoid", exact)
        labels = graph.node("Greater", scores, graph.constant(0.0, np.float32))
        labels = graph.node("Cast", labels, to=TensorProto.INT64)
        kind: Any = np.int64
        one = each
    else:
        chances = graph.node("Softmax", exact, axis=-1)
        code = graph.node("ArgMax", scores, axis=-1, keepdims=0)
        classes = _as_labels(targets.classes)
        labels = graph.node("Gather", graph.constant(classes), code, axis=0)
        kind = str if classes.dtype.kind == "U" else classes.dtype
    graph.output("probabilities", chances, np.float64, each, f"Of the labels of each {of_what}.")
    graph.output("labels", labels, kind, one, f"Best of each {of_what}.")


def _as_labels(classes: np.ndarray) -> np.ndarray:
    """Return classes as ONNX has them: strings, int64, uint64 or bool; dates as ISO strings."""
    if classes.dtype.kind == "M":
        return np.datetime_as_string(classes)
    return classes if classes.dtype.kind in "Ub" else classes.astype(f"{classes.dtype.kind}8")
