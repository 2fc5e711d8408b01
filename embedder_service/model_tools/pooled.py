"""Which tensor of a graph is the picture's feature: the last pooling before the classes.

A walk from the output back. The first pooling over the spatial axes that it meets is taken, if layers with weights make
classes of it. If none do, a graph does not say whether it pools features or scores of classes (as in SqueezeNet).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_WINDOWED = {"AveragePool", "MaxPool", "QLinearAveragePool"}
_GLOBAL = {"GlobalAveragePool", "GlobalMaxPool", "QLinearGlobalAveragePool"}
_OVER_AXES = {"ReduceMean", "ReduceMax", "QLinearReduceMean"}
_MAXIMUM = {"GlobalMaxPool", "MaxPool", "ReduceMax"}
_WEIGHTED = {
    "Conv",
    "FusedConv",
    "Gemm",
    "MatMul",
    "ConvInteger",
    "MatMulInteger",
    "QGemm",
    "QLinearConv",
    "QLinearMatMul",
}
# Of [n, c, h, w] and of [n, h, w, c]; a normalisation of layers averages over one axis alone.
_SPATIAL = ({2, 3}, {1, 2}, {-2, -1}, {-3, -2})


@dataclass(frozen=True, slots=True)
class Operation:
    """A node of a graph."""

    operator: str
    inputs: Sequence[str]
    outputs: Sequence[str]
    axes: Sequence[int] = ()
    """What it reduces over."""

    @property
    def pools(self) -> bool:
        """Whether it pools over the spatial axes."""
        named = self.operator in _WINDOWED | _GLOBAL
        return named or (self.operator in _OVER_AXES and set(self.axes) in _SPATIAL)


@dataclass(frozen=True, slots=True)
class Feature:
    """A tensor, and how to pool it where it still has spatial axes."""

    tensor: str
    pooling: str
    """average or max."""


def find(operations: Sequence[Operation], output: str) -> list[Feature]:
    """Return the feature behind `output`; two where either may be it, and none where there is no pooling to go by.

    Of two, the first is what is pooled last, and the second what the last layer with weights takes.
    """
    weighted = False
    for operation in _backwards(operations, output):
        if operation.pools:
            pooled = Feature(operation.outputs[0], "max" if operation.operator in _MAXIMUM else "average")
            return [pooled] if weighted else [pooled, *_before_the_scores(operations, operation.inputs[0])]
        weighted = weighted or operation.operator in _WEIGHTED
    return []


def _before_the_scores(operations: Sequence[Operation], scores: str) -> list[Feature]:
    layers = (each for each in _backwards(operations, scores) if each.operator in _WEIGHTED)
    last = next(layers, None)
    return [Feature(last.inputs[0], "average")] if last else []


def _backwards(operations: Sequence[Operation], tensor: str) -> Iterator[Operation]:
    """Yield the operations from the one that makes `tensor` back, along each one's first input that another makes."""
    makers = {name: operation for operation in operations for name in operation.outputs}
    operation = makers.get(tensor)
    while operation:
        yield operation
        operation = next((makers[name] for name in operation.inputs if name in makers), None)
