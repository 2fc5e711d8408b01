"""Calls a gateway at a steady pace until standard input ends: `python load.py TARGET PACE`; a caller like any other.

Runs in a container of the stack's network, with the client that Likeness ships: its retries are all that there is.
Prints `started` once calls succeed, and at the end a JSON document of what became of them.
"""

import json
import random
import struct
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from likeness import Client, Entry, LikenessError

COLLECTION = "load"
SIDE_PX = 32
KNOWN = 8


def picture() -> bytes:
    """Return a bitmap that no one has seen before, so that it has to be embedded."""
    pixels = random.randbytes(SIDE_PX * SIDE_PX * 3)
    header = struct.pack("<IiiHHIIiiII", 40, SIDE_PX, SIDE_PX, 1, 24, 0, len(pixels), 2835, 2835, 0, 0)
    return struct.pack("<2sIHHI", b"BM", 54 + len(pixels), 0, 0, 54) + header + pixels


class Load:
    """Calls of every kind in turn, and what became of each."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.errors: list[str] = []
        self.seconds: list[float] = []

    def prepare(self) -> None:
        """Make the collection and the images that are asked for by id."""
        if COLLECTION not in {collection.name for collection in self._client.list_collections()}:
            self._client.create_collection(COLLECTION)
        self._client.index([Entry(picture(), image_id=f"known-{number}") for number in range(KNOWN)])

    def call(self, number: int) -> None:
        """Make one call."""
        started = time.monotonic()
        try:
            (self._search, self._index, self._search, self._search_by_id)[number % 4](number)
        except LikenessError as error:
            self.errors.append(f"call {number}: {error.code} {error.reason} {error}")
        self.seconds.append(time.monotonic() - started)

    def _search(self, _: int) -> None:
        assert self._client.search(picture()).hits

    def _index(self, number: int) -> None:
        (result,) = self._client.index([Entry(picture(), image_id=f"new-{number}-{random.getrandbits(64):x}")])
        assert result.error is None, result.error

    def _search_by_id(self, number: int) -> None:
        assert self._client.search(image_id=f"known-{number % KNOWN}").hits


def _stop_at_the_end_of_input(stopping: threading.Event) -> None:
    sys.stdin.read()
    stopping.set()


def main(target: str, pace: float) -> None:
    """Make `pace` calls a second, however long each takes."""
    stopping = threading.Event()
    threading.Thread(target=_stop_at_the_end_of_input, args=[stopping], daemon=True).start()
    with Client(target, collection=COLLECTION) as client, ThreadPoolExecutor(64) as threads:
        load = Load(client)
        load.prepare()
        print("started", flush=True)
        began, made = time.monotonic(), 0
        running = []
        while not stopping.wait(max(0.0, began + made / pace - time.monotonic())):
            running.append(threads.submit(load.call, made))
            made += 1
        for call in running:
            call.result()
    taken = sorted(load.seconds)
    report = {"calls": made, "errors": load.errors, "median_s": taken[len(taken) // 2], "longest_s": taken[-1]}
    print(json.dumps(report | {"p99_s": taken[len(taken) * 99 // 100]}))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
