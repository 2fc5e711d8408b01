"""A program of somebody who has installed the wheel; run by an interpreter that has nothing else of ours.

Reads `{"address", "picture"}` from stdin, the picture in base64, and prints what it found.
"""

import asyncio
import base64
import json
import sys
from typing import Any

import grpc
from google import protobuf

import likeness
from likeness import AsyncClient, Client, Entry, LikenessError

COLLECTION = "package"


def sync(address: str, picture: bytes) -> dict[str, Any]:
    with Client(address, collection=COLLECTION) as client:
        client.create_collection(COLLECTION, models=["shape"])
        entries = [Entry(picture, f"p/{n}", attributes={"n": n}) for n in range(2)]
        (first,) = client.index(entries[:1])
        streamed = [result.outcome for _, result in client.ingest(entries)]
        hits = [hit.image_id for hit in client.search(picture, where={"n": 1}, include_attributes=True).hits]
        listed = [record.attributes["n"] for record in client.list_images()]
        try:
            client.search(b"just some text")
        except LikenessError as error:
            refusal = [error.code, error.reason, error.violations[0].field]
    return {"first": first.outcome, "streamed": streamed, "hits": hits, "listed": listed, "refusal": refusal}


async def on_asyncio(address: str, picture: bytes) -> list[str]:
    async with AsyncClient(address, collection=COLLECTION) as client:
        (deleted,) = [await client.delete_images(["p/0"])]
        hits = [hit.image_id for hit in (await client.search(picture)).hits]
        await client.delete_collection(COLLECTION, force=True)
    return [str(deleted.count), *hits]


def main() -> None:
    asked = json.load(sys.stdin)
    picture = base64.b64decode(asked["picture"])
    found = {
        "sync": sync(asked["address"], picture),
        "async": asyncio.run(on_asyncio(asked["address"], picture)),
        "release": likeness.__version__,
        "from": likeness.__file__,
        "versions": [grpc.__version__, protobuf.__version__],
        "imported": sorted({"numpy", "PIL", "servicekit"} & set(sys.modules)),
    }
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
