"""`likeness search` and `likeness compare`."""

from typing import Annotated

import typer
from rich.console import RenderableType

from likeness import documents, tables
from likeness.documents import Document
from likeness.html_file import HtmlFile, writer
from likeness.message_client import MessageClient
from likeness.queries import ImageId, ModelNames, Picture, Query, TopK, query_of
from likeness.session import Collection, Json, Session, print_json, session_of
from likeness.v1 import image_search_pb2 as pb

MaxDistance = Annotated[
    float | None, typer.Option(min=0, max=2, metavar="D", help="Leave out what is further away than this.")
]
ExcludeSelf = Annotated[bool, typer.Option("--exclude-self", help="Leave out the picture that is looked for.")]


def search(
    context: typer.Context,
    image: Picture = None,
    *,
    image_id: ImageId = None,
    collection: Collection = "photos",
    top_k: TopK = 10,
    models: ModelNames = None,
    max_distance: MaxDistance = None,
    exclude_self: ExcludeSelf = False,
    html: HtmlFile = None,
    json: Json = False,
) -> None:
    """Find the images most like a picture, or like an image that is already indexed.

    **Examples**

    * `likeness search holiday.jpg -k 20 --html found.html`
    * `likeness search --id 2024/beach.jpg --model shape --exclude-self`
    * `curl https://example.org/photo.jpg | likeness search -`
    """
    session, query, write = session_of(context), query_of(image, image_id), writer(html, image)
    request = pb.SearchImagesRequest(
        collection=collection,
        models=models,
        top_k=top_k,
        max_distance=max_distance,
        exclude_self=exclude_self,
        include_attributes=True,
        **query.fields(),
    )
    with session.client() as client, query.named():
        document = documents.search(client.search(request), collection, _described(client, collection, query))
    write("search", document)
    _answer(session, document, [tables.search(document)], json=json)
    for failed in document["model_errors"]:
        session.say(f"model {failed['model']} did not answer: {failed['reason']}: {failed['message']}", "yellow")


def compare(
    context: typer.Context,
    image: Picture = None,
    *,
    image_id: ImageId = None,
    collection: Collection = "photos",
    top_k: TopK = 10,
    models: ModelNames = None,
    html: HtmlFile = None,
    json: Json = False,
) -> None:
    """Ask several models the same question, and see how far they agree.

    **Examples**

    * `likeness compare holiday.jpg --model colour --model shape --html compared.html`
    """
    session, query, write = session_of(context), query_of(image, image_id), writer(html, image)
    request = pb.CompareModelsRequest(collection=collection, models=models, top_k=top_k, **query.fields())
    with session.client() as client, query.named():
        document = documents.compare(client.compare(request), collection, _described(client, collection, query))
    write("compare", document)
    _answer(session, document, [tables.comparison(document), tables.agreements(document)], json=json)


def _described(client: MessageClient, collection: str, query: Query) -> Document:
    """Return the query with the address of its picture, which an image that is indexed has in its record."""
    if query.path is not None:
        return {**query.document(), "uri": query.uri}
    return {**query.document(), "uri": client.image(collection, query.image_id or "").uri}


def _answer(session: Session, document: Document, shown: list[RenderableType], *, json: bool) -> None:
    if json:
        print_json(document)
    else:
        session.show(*shown)
