"""`likeness delete`."""

from typing import Annotated

import typer

from likeness.image_ids import typed_id
from likeness.queries import ID_RULE
from likeness.session import EXIT_PARTLY, Collection, Json, print_json, session_of

ImageIds = Annotated[list[str], typer.Argument(metavar="ID...", help=f"Images to delete. {ID_RULE}")]


def delete(context: typer.Context, ids: ImageIds, *, collection: Collection = "photos", json: Json = False) -> None:
    """Delete images from a collection; the pictures' files stay.

    Ends with 3 when some were not there.

    **Examples**

    * `likeness delete 2024/beach.jpg "2024/my cat.jpg"`
    """
    session = session_of(context)
    with session.client() as client:
        deleted, missing = client.delete_images(collection, [typed_id(text) for text in ids])
    if json:
        print_json({"collection": collection, "deleted": deleted, "missing": missing})
    else:
        session.say(f"Deleted {deleted:,} from {collection}.")
    for image_id in missing:
        session.say(f"{image_id} was not there", "yellow")
    if missing:
        raise typer.Exit(EXIT_PARTLY)
