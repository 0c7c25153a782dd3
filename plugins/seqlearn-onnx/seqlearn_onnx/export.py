"""`to_onnx`: a fitted model becomes a graph, the graph is tried, and then there is a file.

The network's own nodes stand in `seqlearn_onnx.cores` and `seqlearn_onnx.stations`, what can be
exported in `seqlearn_onnx.models`.
"""

from typing import Any

import numpy as np
import onnx
import onnxruntime  # type: ignore[import-untyped]

from seqlearn.data.sequences import Sequences
from seqlearn.data.word_tables import WordTable
from seqlearn.persistence.files import write_bytes
from seqlearn.training.defaults import torch_defaults
from seqlearn.training.prediction import predict
from seqlearn_onnx.cores import NotTraced, run_core
from seqlearn_onnx.description import KEY
from seqlearn_onnx.graph import Graph
from seqlearn_onnx.models import Parts, refuse, take_apart
from seqlearn_onnx.stations import READOUTS, add_answers, add_linear, add_scalers, add_words

__all__ = ["to_onnx"]

TOLERANCE = 1e-5  # of the larger of 1 and the largest answer
# Lengths of the rows of each batch that a graph is tried on: one step, one row, full rows, ragged.
TRIED = ([1], [9], [4, 4, 4], [1, 1], [23, 2, 16, 1, 7, 23, 5], [40])
PROVIDER = "CPUExecutionProvider"
LARGEST = 2_000_000_000  # bytes of weights; a file of protobuf holds 2 GB


@torch_defaults()
def to_onnx(model: Any, path: Any) -> None:
    """Write a fitted model as an ONNX file, which runs without seqlearn and without torch.

    The graph takes any number of rows and steps: ``X`` of shape (N, T, F), float32, or float64
    where scalers stand in the graph, or codes of words (N, T), int64; and ``lengths`` of shape
    (N,), int64, the steps of each row. Past a row's length X may hold any finite number, or any
    code of a word. Its outputs are

    - of classifiers ``scores``, ``probabilities`` (N, C) and ``labels``;
    - of taggers the same for each step, (N, T, C), where steps past a row's length mean nothing;
    - of regressors ``values`` (N, C), in the unit of y;
    - of encoders ``vectors`` (N, D);
    - with scalers ``largest``, the largest size of a scaled value: infinite if X was too large.

    Labels are strings or integers, as y was; dates become ISO strings. Before the file is written,
    the graph is compared with the model on batches of other shapes. `OnnxEstimator` reads the file.

    Parameters
    ----------
    model : estimator or Pipeline
        A fitted `seqlearn.LSTMClassifier`, `seqlearn.LSTMRegressor`, `seqlearn.SequenceEncoder` or
        `seqlearn.BiLSTMTagger` with ``decoder="softmax"``; or a `sklearn.pipeline.Pipeline` that
        ends with one and has nothing but `seqlearn.preprocessing.SequenceScaler` before it.
    path : str or path-like
        Where to. A file that is there is replaced, at once or not at all.

    Raises
    ------
    ModelFileError
        The model is not fitted, or a part of it cannot be exported; the message names it.
    OSError
        The file cannot be written; what was there before is untouched.

    See Also
    --------
    OnnxEstimator : Predict with such a file.
    seqlearn.save : Write any model of seqlearn, to be loaded by seqlearn.

    References
    ----------
    ONNX operators LSTM, GRU and RNN, opset 18, https://onnx.ai/onnx/operators/.

    Examples
    --------
    >>> import os, tempfile
    >>> from sklearn.pipeline import make_pipeline
    >>> from seqlearn import LSTMRegressor
    >>> from seqlearn.datasets import make_adding_problem
    >>> from seqlearn.preprocessing import SequenceScaler
    >>> from seqlearn_onnx import OnnxEstimator, to_onnx
    >>> X, y = make_adding_problem(60, 10, random_state=0)
    >>> regressor = LSTMRegressor(hidden_size=8, max_epochs=2, random_state=0)
    >>> pipe = make_pipeline(SequenceScaler(), regressor).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     to_onnx(pipe, os.path.join(folder, "adding.onnx"))
    ...     values = OnnxEstimator(os.path.join(folder, "adding.onnx")).predict(X)
    >>> bool(abs(values - pipe.predict(X)).max() < 1e-5)
    True
    """
    parts = take_apart(model)
    graph = Graph()
    try:
        is_native = _build(graph, parts)
    except NotTraced as cause:
        refuse(
            f"{parts.backend} cannot be exported: {cause}. The backends 'torch', 'gru', 'rnn' and "
            "'reference' can",
            cause,
        )
    n_bytes = sum(one.ByteSize() for one in graph.weights)
    if n_bytes > LARGEST:
        refuse(f"The weights take {n_bytes:,} bytes; a file of ONNX holds {LARGEST:,}")
    made = graph.model({KEY: parts.description.text()})
    onnx.checker.check_model(made, full_check=True)
    content = made.SerializeToString()
    _compare(parts, content, is_native)
    write_bytes(path, content)


def _build(graph: Graph, parts: Parts) -> bool:
    """Put the whole graph together; return whether the core is made of ONNX's own nodes."""
    known, network = parts.description, parts.estimator.net_.module_
    encoder = network.encoder
    lengths, largest = "lengths", None
    if known.words is not None:
        text = "Codes of words; 0 is the unknown word."
        x = add_words(graph, network.input, graph.input("X", np.int64, ["N", "T"], text))
    else:
        kind = np.float64 if parts.scalers else np.float32
        x = graph.input("X", kind, ["N", "T", encoder.input_size], "Rows of steps.")
        if parts.scalers:
            x, largest = add_scalers(graph, parts.scalers, x)
    graph.input(lengths, np.int64, ["N"], "Steps of each row, at least 1.")
    outputs, is_native = run_core(graph, encoder.core, x, lengths, encoder.input_size)
    if known.task != "steps":
        outputs = READOUTS[type(encoder.readout)](graph, encoder, outputs, lengths)
    if known.task != "vectors":
        outputs = add_linear(graph, network.head.linear, outputs)
    add_answers(graph, known.task, parts.targets, outputs)
    if largest is not None:
        text = "Largest size of a scaled value. The answers hold if it is finite."
        graph.output("largest", largest, np.float32, [], text)
    return is_native


def _compare(parts: Parts, content: bytes, is_native: bool) -> None:
    """Refuse a graph whose answers are not the model's, for other numbers of rows and steps."""
    whose = parts.backend
    if is_native:
        whose = f"This {parts.description.estimator}, whose modules were changed after fit,"
    output = {"vectors": "vectors", "numbers": "values"}.get(parts.description.task, "scores")
    options, rng, session = onnxruntime.SessionOptions(), np.random.default_rng(0), None
    options.intra_op_num_threads = 1
    options.log_severity_level = 4  # what goes wrong is said here
    for of_rows in TRIED:
        lengths = np.array(of_rows)
        at = f"rows of {', '.join(map(str, of_rows))} steps"
        values, given = _drawn(parts, rng, lengths)
        try:
            if session is None:
                session = onnxruntime.InferenceSession(content, options, providers=[PROVIDER])
            found = session.run([output], {"X": given, "lengths": lengths})[0]
        except Exception as cause:  # ONNX Runtime's have no base class of their own
            refuse(f"{whose} cannot be exported: its graph does not run for {at}", cause)
        due = _due(parts, values)
        found = _as_network(parts, found, lengths)
        if found.shape != due.shape:
            refuse(
                f"{whose} cannot be exported: for {at} its graph gives answers of shape "
                f"{found.shape}; {due.shape} is due"
            )
        limit, error = TOLERANCE * max(1.0, float(np.abs(due).max())), np.abs(found - due)
        if not (error <= limit).all():
            refuse(
                f"{whose} cannot be exported: for {at} the answers of its graph differ from the "
                f"model's by {error.max():.1e}, and {limit:.0e} is accepted"
            )


def _drawn(parts: Parts, rng: np.random.Generator, lengths: np.ndarray) -> tuple[Sequences, Any]:
    """Return random rows as the network takes them, and padded with anything for the graph."""
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    is_step = np.arange(lengths.max()) < lengths[:, None]  # (B, T)
    known = parts.description
    if known.words is not None:
        n_words = len(known.words) + len(known.extra)
        codes = rng.integers(0, n_words, int(offsets[-1]))
        given: Any = rng.integers(0, n_words, is_step.shape)
        given[is_step] = codes
        return Sequences(codes[:, None], offsets, WordTable(np.arange(n_words))), given
    width = parts.estimator.net_.module_.encoder.input_size
    values = rng.normal(size=(int(offsets[-1]), width)).astype(np.float32)
    given = np.full((*is_step.shape, width), 1e3, np.float32)
    if parts.scalers:
        raw = values.astype(np.float64)
        for scaler in reversed(parts.scalers):
            raw = raw * scaler.scale_ + scaler.center_
        scaled = list(Sequences(raw, offsets))
        for scaler in parts.scalers:
            scaled = [scaler._scale(row) for row in scaled]
        values, given = np.concatenate(scaled).astype(np.float32), given.astype(np.float64)
        given[is_step] = raw
    else:
        given[is_step] = values
    return Sequences(values, offsets), given


def _due(parts: Parts, sequences: Sequences) -> np.ndarray:
    """Return what the model's own network says, (N, C), or (S, C) of steps."""
    task, net = parts.description.task, parts.estimator.net_
    reading: dict[str, Any] = {"what": "scores"} if task == "steps" else {}
    return predict(net, sequences, encode=task == "vectors", **reading).astype(np.float64)


def _as_network(parts: Parts, found: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return what the graph says in the scale and shape of `_due`."""
    task = parts.description.task
    if task == "numbers":
        return (found - parts.targets.mean) / parts.targets.scale
    if task == "steps":
        return found[np.arange(found.shape[1]) < lengths[:, None]]  # (S, C)
    return found
