"""`likeness duplicates`."""

from collections.abc import Iterator
from typing import Annotated

import typer

from likeness import documents, tables
from likeness.session import Collection, Json, Session, Timeout, print_json, session_of
from likeness.v1 import image_search_pb2 as pb

ModelName = Annotated[str, typer.Option("--model", "-m", metavar="NAME", help="Model whose distances count.")]
MaxDistance = Annotated[
    float,
    typer.Option(min=0, max=2, metavar="D", help="How far apart two images may be to be joined; 0: equal pictures."),
]


def duplicates(
    context: typer.Context,
    *,
    model: ModelName,
    max_distance: MaxDistance,
    collection: Collection = "photos",
    timeout: Timeout = 3600.0,
    json: Json = False,
) -> None:
    """List groups of images that are the same, or nearly.

    Two images are joined when they lie no further apart than D, or when their files are equal; a group is all that is
    joined, through others too. Begin with a small D and look at what it finds: distances mean something else in every
    model.

    **Examples**

    * `likeness duplicates --model shape --max-distance 0`
    * `likeness duplicates --model shape --max-distance 0.2 -c pets --json`
    """
    session = session_of(context)
    request = pb.FindDuplicatesRequest(collection=collection, model=model, max_distance=max_distance)
    with session.client() as client:
        found = _watched(session, client.duplicates(request, timeout_seconds=timeout))
        groups = [*found] if json else _shown(session, found)
    if json:
        print_json(documents.duplicates(groups, request))
        return
    session.say(f"{sum(map(len, groups)):,} images in {len(groups):,} groups.")


def _watched(session: Session, groups: Iterator[list[str]]) -> Iterator[list[str]]:
    """Yield the groups as they come; until the first one does, say that it takes its time."""
    with session.waiting("searching with every image"):
        first = next(groups, None)
    if first is not None:
        yield first
        yield from groups


def _shown(session: Session, found: Iterator[list[str]]) -> list[list[str]]:
    groups = []
    for group in found:
        groups.append(group)
        session.show(*tables.group(len(groups), group))
    return groups
