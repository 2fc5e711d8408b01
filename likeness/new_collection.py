"""A collection that is made where it is not there yet."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

import typer

from likeness.errors import LikenessError
from likeness.message_client import MessageClient
from likeness.v1 import image_search_pb2 as pb
from likeness.v1 import types_pb2
from likeness.wrong_use import WrongUse


class MetricName(StrEnum):
    """What distance means."""

    L2 = "L2"
    COSINE = "COSINE"


Models = Annotated[
    list[str] | None,
    typer.Option("--models", metavar="A,B", help="Models of a new collection; by default all that are served."),
]
Metric = Annotated[MetricName | None, typer.Option(case_sensitive=False, help="Metric of a new collection; L2.")]


def wanted(name: str, models: Sequence[str] | None, metric: MetricName | None) -> pb.Collection:
    """Return the collection that a caller asks for; names of models may be parted by commas.

    Raises:
        LikenessError: INVALID_FIELD, `models` is given and names none.
    """
    names = [model.strip() for text in models or () for model in text.split(",") if model.strip()]
    if models and not names:
        raise WrongUse("--models names no model; leave it out for all")
    return pb.Collection(name=name, models=names, metric=f"METRIC_{metric}" if metric else None)


def ensure(client: MessageClient, collection: pb.Collection) -> pb.Collection:
    """Return the collection of that name; make it if it is not there.

    Raises:
        LikenessError: COLLECTION_DIFFERS, it is there with other models or another metric than asked for.
    """
    try:
        found = client.collection(collection.name)
    except LikenessError as error:
        if error.reason != "COLLECTION_NOT_FOUND":
            raise
        return _create(client, collection)
    other_models = collection.models and set(collection.models) != set(found.models)
    if other_models or collection.metric not in (types_pb2.METRIC_UNSPECIFIED, found.metric):
        metric = types_pb2.Metric.Name(found.metric).removeprefix("METRIC_")
        message = f"{found.name} has the models {', '.join(found.models)} and the metric {metric}"
        raise LikenessError("FAILED_PRECONDITION", "COLLECTION_DIFFERS", message)
    return found


def _create(client: MessageClient, collection: pb.Collection) -> pb.Collection:
    try:
        return client.create_collection(collection)
    except LikenessError as error:
        # Made by somebody else in between, or by a call of ours whose answer was lost.
        if error.reason != "COLLECTION_EXISTS":
            raise
        return ensure(client, collection)
