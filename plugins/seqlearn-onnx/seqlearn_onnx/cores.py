"""Recurrent cores as ONNX nodes, (N, T, F) to (N, T, D).

torch's own layers, and the readable LSTM of the backend "reference", become the nodes LSTM, GRU and
RNN, which read every row up to its own length, from both ends too. What torch itself would export
for them is right for the shape it was tried with alone. Any other core goes through torch's
TorchScript exporter, and `seqlearn_onnx.export` compares its answers before a file is written.
"""

import contextlib
import copy
import io
import os
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import torch
from torch import nn

from seqlearn.backend import Stack
from seqlearn.backends.reference_lstm import ReferenceLSTMLayer
from seqlearn_onnx.graph import OPSET, Graph

__all__ = ["NotTraced", "run_core", "weights_of"]

# ONNX's name of each layer, and which of torch's gates stand first, second, ... in its order:
# i, f, g, o become i, o, f, g in an LSTM, and r, z, n become z, r, n in a GRU.
LAYERS: dict[type, tuple[str, list[int]]] = {
    nn.LSTM: ("LSTM", [0, 3, 1, 2]),
    ReferenceLSTMLayer: ("LSTM", [0, 3, 1, 2]),
    nn.GRU: ("GRU", [1, 0, 2]),
    nn.RNN: ("RNN", [0]),
}
TRACED = (3, 11)  # rows and steps that a core is traced with
OTHER = 7  # steps of a second trace, which must not be another graph


class NotTraced(Exception):
    """torch's exporter cannot make a graph of a core; the message says why."""


def weights_of(tensor: Any) -> np.ndarray:
    """Return a tensor of any device as a NumPy array."""
    return tensor.detach().cpu().numpy()


def run_core(graph: Graph, core: Any, x: str, lengths: str, width: int) -> tuple[str, bool]:
    """Add a core to the graph.

    Parameters
    ----------
    graph : Graph
        Where to.
    core : Module
        What a backend built.
    x : str
        Rows (N, T, F), float32.
    lengths : str
        Steps of each row, (N,), int64.
    width : int
        F.

    Returns
    -------
    outputs : str
        Of shape (N, T, D).
    is_native : bool
        Whether it is made of ONNX's own recurrent nodes.

    Raises
    ------
    NotTraced
        There is no graph of this core that is right for any number of steps.
    """
    if type(core) is Stack and all(map(_is_known, [*core.layers, *core.backward_layers])):
        return _run_stack(graph, core, x, lengths), True
    return graph.merge(_traced(core, width), {"x": x, "lengths": lengths}), False


def _is_known(layer: Any) -> bool:
    """Whether this is one layer in one direction that an ONNX node computes."""
    if type(layer) is ReferenceLSTMLayer:
        return True
    return (
        type(layer) in LAYERS
        and layer.num_layers == 1
        and layer.bias
        and layer.batch_first
        and not layer.bidirectional
        and not layer.proj_size
    )


def _run_stack(graph: Graph, core: Stack, x: str, lengths: str) -> str:
    """Add the layers of a `Stack`; between them rows come second, (T, N, D), as ONNX has it."""
    lengths = graph.node("Cast", lengths, to=onnx.TensorProto.INT32)
    steps = graph.node("Transpose", x, perm=[1, 0, 2])  # (T, N, F)
    for i in range(core.num_layers):
        layers = [core.layers[i]]
        if core.bidirectional:
            layers.append(core.backward_layers[i])
        outputs = _run_layer(graph, layers, steps, lengths)  # (T, directions, N, H)
        outputs = graph.node("Transpose", outputs, perm=[0, 2, 1, 3])
        steps = graph.node("Reshape", outputs, graph.constant([0, 0, -1], np.int64))  # (T, N, D)
    return graph.node("Transpose", steps, perm=[1, 0, 2])


def _run_layer(graph: Graph, layers: list[Any], steps: str, lengths: str) -> str:
    """Add one layer in one direction or both."""
    kind, order = LAYERS[type(layers[0])]

    def gates(tensor: Any) -> np.ndarray:
        parts = np.split(weights_of(tensor), len(order))
        return np.concatenate([parts[i] for i in order])

    of_inputs = np.stack([gates(one.weight_ih_l0) for one in layers])  # (directions, G H, F)
    of_states = np.stack([gates(one.weight_hh_l0) for one in layers])  # (directions, G H, H)
    biases = np.stack(
        [np.concatenate([gates(one.bias_ih_l0), gates(one.bias_hh_l0)]) for one in layers]
    )  # (directions, 2 G H)
    attributes: dict[str, Any] = {
        "hidden_size": layers[0].hidden_size,
        "direction": "bidirectional" if len(layers) == 2 else "forward",
    }
    if kind == "GRU":
        attributes["linear_before_reset"] = 1  # the reset gate multiplies a product with its bias
    if kind == "RNN":
        attributes["activations"] = [one.nonlinearity.capitalize() for one in layers]
    weights = [graph.constant(one, np.float32) for one in (of_inputs, of_states, biases)]
    return graph.node(kind, steps, *weights, lengths, **attributes)


class _Outputs(nn.Module):
    """A core without its state."""

    def __init__(self, core: nn.Module):
        super().__init__()
        self.core = core

    def forward(self, x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        return self.core(x, lengths)[0]


def _traced(core: nn.Module, width: int) -> onnx.ModelProto:
    """Return the model that torch's TorchScript exporter makes of a core, inputs x and lengths."""
    module = _Outputs(copy.deepcopy(core).cpu()).eval()
    with warnings.catch_warnings(), torch.inference_mode(False), torch.no_grad():
        warnings.simplefilter("ignore")  # that tracing is deprecated, and what it takes for fixed
        try:
            sizes = [_size(module, n_steps, width) for n_steps in (OTHER, TRACED[1])]
        except Exception as cause:
            raise NotTraced(f"torch cannot trace it ({_first_line(cause)})") from cause
        if sizes[0] != sizes[1]:
            raise NotTraced(
                f"it has a loop over the steps: torch traces {sizes[0]:,} operations for {OTHER} "
                f"steps and {sizes[1]:,} for {TRACED[1]}, so the graph would be one for a fixed "
                "number of steps"
            )
        buffer = io.BytesIO()
        try:
            with _without_prints():
                torch.onnx.export(
                    module,
                    _example(TRACED[1], width),
                    buffer,  # type: ignore[arg-type]
                    input_names=["x", "lengths"],
                    output_names=["outputs"],
                    dynamic_axes={
                        "x": {0: "N", 1: "T"},
                        "lengths": {0: "N"},
                        "outputs": {0: "N", 1: "T"},
                    },
                    opset_version=OPSET,
                    dynamo=False,
                )
        except Exception as cause:
            raise NotTraced(f"torch's exporter refuses it ({_first_line(cause)})") from cause
    return onnx.load_model_from_string(buffer.getvalue())


def _example(n_steps: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return rows (B, T, F), and lengths of which one alone is full."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(TRACED[0], n_steps, width, generator=generator)
    return x, torch.arange(n_steps, n_steps - 2 * TRACED[0], -2)


def _size(module: nn.Module, n_steps: int, width: int) -> int:
    """Return of how many operations the trace of a module is."""
    graph = torch.jit.trace(module, _example(n_steps, width), check_trace=False).inlined_graph
    return sum(1 for _ in graph.nodes())


def _first_line(cause: BaseException) -> str:
    return f"{type(cause).__name__}: {str(cause).strip().partition(chr(10))[0][:200]}"


@contextlib.contextmanager
def _without_prints() -> Iterator[None]:
    """Send what is printed to nowhere: where it fails, torch's exporter prints its whole graph.

    It does so in C++, past ``sys.stdout``.
    """
    if sys.__stdout__ is None:  # a program without a console
        yield
        return
    sys.stdout.flush()
    kept = os.dup(1)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
