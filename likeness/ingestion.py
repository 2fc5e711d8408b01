"""What is under way on one IngestImages stream."""

from collections import deque
from collections.abc import Iterable, Iterator

from likeness import results
from likeness.errors import LikenessError
from likeness.operations import Entry
from likeness.v1 import image_search_pb2 as pb

Answer = tuple[Entry, results.Indexed]


class Ingestion:
    """Numbers entries as they are sent, and finds them again as they are answered. Memory holds what is unanswered."""

    def __init__(self, collection: str, entries: Iterable[Entry]) -> None:
        self._collection = collection
        self._entries = entries
        self._unanswered: dict[str, Entry] = {}
        self._refused: deque[Answer] = deque()
        self._problem: Exception | None = None

    def requests(self) -> Iterator[pb.IngestImagesRequest]:
        """Yield a message for each entry. What goes wrong here is kept for `rest`: gRPC would only end the call."""
        try:
            for number, entry in enumerate(self._entries):
                yield from self._request(str(number), entry)
        except Exception as problem:  # noqa: BLE001 raised again where the caller is
            self._problem = problem

    def answers(self, event: pb.IngestImagesResponse) -> Iterator[Answer]:
        """Yield what an event settles, and the entries that could not even be sent."""
        yield from self._unsent()
        if event.HasField("result"):
            yield self._unanswered.pop(event.item_id), results.indexed(event.result)

    def rest(self) -> Iterator[Answer]:
        """Yield, once the stream has ended, the last entries that could not be sent.

        Raises:
            LikenessError: DRAINING, the server went before all was answered.
            Exception: what the entries themselves raised.
        """
        yield from self._unsent()
        if self._problem:
            raise self._problem
        if self._unanswered:
            message = f"the server went and left {len(self._unanswered)} images unanswered; sending all again is safe"
            raise LikenessError("UNAVAILABLE", "DRAINING", message)

    def _request(self, number: str, entry: Entry) -> Iterator[pb.IngestImagesRequest]:
        try:
            message = entry.message()
        except LikenessError as error:
            self._refused.append((entry, results.Indexed(entry.image_id, error=error)))
            return
        self._unanswered[number] = entry
        yield pb.IngestImagesRequest(collection=self._collection, entry=message, item_id=number)

    def _unsent(self) -> Iterator[Answer]:
        while self._refused:
            yield self._refused.popleft()
