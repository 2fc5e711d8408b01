"""Which models a collection has, for commands that refuse a name which is none of them."""

from likeness.errors import LikenessError
from likeness.v1 import image_search_pb2 as pb


def find(collection: pb.Collection, model: str) -> pb.ModelBinding | None:
    """Return what a collection says of a model, or None where it does not have it."""
    return next((bound for bound in collection.bindings if bound.model == model), None)


def require(collection: pb.Collection, model: str, reason: str = "MODEL_NOT_FOUND") -> pb.ModelBinding:
    """Return what a collection says of a model that it must have.

    Raises:
        LikenessError: NOT_FOUND with the reason given.
    """
    if bound := find(collection, model):
        return bound
    names = ", ".join(bound.model for bound in collection.bindings)
    message = f"collection {collection.name!r} has the models {names}, and not {model!r}"
    raise LikenessError("NOT_FOUND", reason, message)


def active(bound: pb.ModelBinding) -> bool:
    """Say whether searches use a model."""
    return bound.state == pb.ModelBinding.STATE_ACTIVE
