"""A graph of ONNX nodes that is written down node by node; nothing here knows of sequences."""

from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, compose, helper, numpy_helper

__all__ = ["OPSET", "Graph"]

OPSET = 18
IR_VERSION = 8  # the first with opset 18, so that older runtimes read the file too


class Graph:
    """Nodes, weights, inputs and outputs; a value is known by its name, a string."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.weights: list[TensorProto] = []
        self.inputs: list[ValueInfoProto] = []
        self.outputs: list[ValueInfoProto] = []
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}

    def input(self, name: str, kind: Any, shape: list[str | int], text: str) -> str:
        """Declare an input of the graph: its type, its shape with names for free sizes."""
        self.inputs.append(
            helper.make_tensor_value_info(name, _element(kind), shape, doc_string=text)
        )
        return name

    def output(self, name: str, value: str, kind: Any, shape: list[str | int], text: str) -> None:
        """Give a value out of the graph under a name."""
        self.nodes.append(helper.make_node("Identity", [value], [name], name=f"output_{name}"))
        self.outputs.append(
            helper.make_tensor_value_info(name, _element(kind), shape, doc_string=text)
        )

    def constant(self, values: Any, dtype: Any = None) -> str:
        """Store an array, of strings too; an array that is there already is not stored again."""
        array = np.ascontiguousarray(values, dtype).reshape(np.shape(values))
        key = str(array.dtype), array.shape, array.tobytes()
        if key not in self._constants:
            name = f"weight_{len(self.weights)}"
            stored = array.astype(object) if array.dtype.kind == "U" else array
            self.weights.append(numpy_helper.from_array(stored, name))
            self._constants[key] = name
        return self._constants[key]

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output, and return that."""
        return self.outputs_of(kind, 1, *inputs, **attributes)[0]

    def outputs_of(self, kind: str, n: int, *inputs: str, **attributes: Any) -> list[str]:
        """Add a node with ``n`` outputs, and return these."""
        own = f"{kind}_{len(self.nodes)}"
        outputs = [f"{own}_{i}" for i in range(n)]
        self.nodes.append(helper.make_node(kind, list(inputs), outputs, name=own, **attributes))
        return outputs

    def merge(self, model: ModelProto, values: dict[str, str]) -> str:
        """Add all nodes of another model and return its output.

        ``values`` says which value of this graph is which input of the model; those that it does
        not read are left out.
        """
        prefix = f"part_{len(self.nodes)}/"
        part = compose.add_prefix(model, prefix).graph
        names = {one.name for one in part.input}
        for name, value in values.items():
            if prefix + name in names:
                self.nodes.append(helper.make_node("Identity", [value], [prefix + name]))
        self.nodes.extend(part.node)
        self.weights.extend(part.initializer)
        return part.output[0].name

    def model(self, metadata: dict[str, str]) -> ModelProto:
        """Return the model that this graph is, with texts that are stored beside it."""
        graph = helper.make_graph(
            self.nodes, "seqlearn", self.inputs, self.outputs, initializer=self.weights
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="seqlearn-onnx",
        )
        helper.set_model_props(model, metadata)
        return model


def _element(kind: Any) -> int:
    """Return ONNX's number of a type of NumPy; that of strings is asked for by ``str``."""
    return TensorProto.STRING if kind is str else helper.np_dtype_to_tensor_dtype(np.dtype(kind))
