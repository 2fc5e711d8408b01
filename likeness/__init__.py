"""A client of Likeness, which finds look-alike images.

    from likeness import Client, Entry

    with Client("127.0.0.1:50050", collection="shop") as client:
        client.index([Entry("photo.jpg", image_id="sku/4711", attributes={"colour": "red"})])
        for hit in client.search("photo.jpg", where={"colour": "red"}).hits:
            print(hit.rank, hit.image_id, hit.distance)

A picture is a path, the bytes of an encoded file, a numpy array of uint8 or a Pillow image; neither library is imported
here. `AsyncClient` is the same for asyncio. Every failure is a `LikenessError`, whose `reason` a program can act on,
a value that cannot be among them; an unknown option, or an argument of the wrong type, is a TypeError.
The contract's own messages and stubs are in `likeness.v1`.
"""

from likeness.async_client import AsyncClient
from likeness.entries import Entry
from likeness.errors import LikenessError, Violation
from likeness.filters import Where
from likeness.pictures import Picture
from likeness.release import RELEASE
from likeness.results import (
    Agreement,
    Collection,
    Comparison,
    Contribution,
    Deleted,
    Hit,
    ImageRecord,
    Indexed,
    Model,
    SearchResult,
)
from likeness.sync_client import Client

__version__ = RELEASE

__all__ = [
    "Agreement",
    "AsyncClient",
    "Client",
    "Collection",
    "Comparison",
    "Contribution",
    "Deleted",
    "Entry",
    "Hit",
    "ImageRecord",
    "Indexed",
    "LikenessError",
    "Model",
    "Picture",
    "SearchResult",
    "Violation",
    "Where",
    "__version__",
]
