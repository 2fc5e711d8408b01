"""`likeness evaluate`."""

from enum import StrEnum
from typing import Annotated

import typer

from likeness import documents, tables
from likeness.documents import Document
from likeness.plot_file import PlotFile, plotter
from likeness.queries import ModelNames, TopK
from likeness.session import Collection, Json, Session, Timeout, print_json, session_of
from likeness.v1 import image_search_pb2 as pb
from likeness.v1 import types_pb2


class FusionName(StrEnum):
    """How the models' lists become one."""

    RRF = "rrf"
    DISTANCE = "distance"


_METHODS = {
    FusionName.RRF: types_pb2.Fusion.METHOD_RECIPROCAL_RANK,
    FusionName.DISTANCE: types_pb2.Fusion.METHOD_WEIGHTED_DISTANCE,
}

Label = Annotated[str, typer.Option("--label", metavar="ATTRIBUTE", help="Attribute that says what an image shows.")]
Sample = Annotated[int, typer.Option("--sample", min=0, metavar="N", help="Search with N images only; 0: with all.")]
Seed = Annotated[int, typer.Option(metavar="N", help="Picks the sample: the same seed picks the same images.")]
FusionOption = Annotated[
    FusionName, typer.Option("--fusion", case_sensitive=False, help="Reciprocal rank, or weighted distance.")
]


def evaluate(
    context: typer.Context,
    *,
    label: Label = "label",
    collection: Collection = "photos",
    models: ModelNames = None,
    top_k: TopK = 10,
    sample: Sample = 0,
    seed: Seed = 0,
    fusion: FusionOption = FusionName.RRF,
    plot: PlotFile = None,
    timeout: Timeout = 3600.0,
    json: Json = False,
) -> None:
    """Measure how well each model, and all together, find images of the same label.

    Every image that carries the attribute searches for the others of its label, itself left out. P@k is the share of
    the first k that carry it, recall@k the share of the label's images among the first k, mAP the mean average
    precision of the whole list. The two distances are means: a model that tells labels apart has the first one smaller.

    **Examples**

    * `likeness index ~/Pictures --label-from-folder`, then `likeness evaluate`
    * `likeness evaluate --label species -c pets --sample 500 --fusion distance --plot models.svg`
    """
    session, write = session_of(context), plotter(plot)
    request = pb.EvaluateModelsRequest(
        collection=collection,
        label_attribute=label,
        models=models,
        top_k=top_k,
        sample_size=sample,
        seed=seed,
        fusion=types_pb2.Fusion(method=_METHODS[fusion]),
    )
    document = _measured(session, request, fusion, timeout)
    write(document)
    if json:
        print_json(document)
    else:
        session.show(tables.evaluation(document), tables.counted(document))


def _measured(session: Session, request: pb.EvaluateModelsRequest, fusion: str, timeout: float) -> Document:
    with session.client() as client, session.waiting("searching with every image"):
        return documents.evaluation(client.evaluate(request, timeout_seconds=timeout), request, fusion)
