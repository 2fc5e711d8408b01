"""`likeness-models export`."""

from pathlib import Path
from typing import Annotated

import typer

from embedder_service.model_tools import adding, keras_export, options, storing, terminal
from embedder_service.model_tools.errors import WrongUse
from embedder_service.model_tools.graph import Network

_KNOWN = [f"keras:{name}" for name in keras_export.NETWORKS]
_LICENCES = {"ResNet50": "MIT (weights of the authors)", "VGG16": "CC BY 4.0 (weights of the authors)"}


def export(
    network: Annotated[str, typer.Argument(metavar="NETWORK", help=f"{' or '.join(_KNOWN)}.")],
    *,
    weights: Annotated[
        str, typer.Option(help="`imagenet`, which Keras downloads; `random`; or a file that Keras saved.")
    ] = keras_export.IMAGENET,
    seed: Annotated[int, typer.Option(min=0, help="For random weights: the same seed, the same network.")] = 0,
    resize_filter: Annotated[
        options.Filter,
        typer.Option(help="Pillow's filter. `load_img` of Keras has NEAREST unless it is told otherwise."),
    ] = "BILINEAR",
    models: options.Repository = options.HERE,
    name: options.Name = None,
    replace: options.Replace = False,
) -> None:
    """Make a model of a network of Keras Applications, without its classifier and pooled by maxima.

    Needs TensorFlow and tf2onnx: pip install tensorflow tf2onnx. Pictures are prepared as Keras's `preprocess_input` of
    mode `caffe` does, after being stretched to 224 x 224.
    """
    if network not in _KNOWN:
        raise WrongUse(f"there is no {network!r} to export; there are {', '.join(_KNOWN)}")
    kind = network.partition(":")[2]
    graph = Network.parse(keras_export.to_onnx(keras_export.network(kind, weights, seed)))
    wishes = adding.Wishes(
        name=name or kind.lower(),
        preset="keras-caffe",
        output=graph.output,
        resize_filter=resize_filter,
        description=f"{kind} of Keras Applications, pooled by maxima",
        license=_LICENCES[kind] if weights == keras_export.IMAGENET else "",
        source=f"{network}, weights {_named(weights, seed)}",
    )
    terminal.run(storing.store(models, *adding.make(graph, wishes), replace=replace))


def _named(weights: str, seed: int) -> str:
    return f"random, seed {seed}" if weights == keras_export.RANDOM else Path(weights).name
