"""Feeding a model from addresses, against a gateway that answers each image as it is told."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from google.rpc import error_details_pb2, status_pb2

from likeness.errors import LikenessError
from likeness.feeding import Coverage, Feeder, Plan
from likeness.tally import CHANGED, FED, UNCHANGED, UNREADABLE, WITHOUT_URI, Tally
from likeness.v1 import image_search_pb2 as pb

PAGE = 7
Answer = Callable[[pb.ImageEntry], str]
_CODES = {"CONFLICT": 10, "URI_UNREADABLE": 9, "URI_NOT_ALLOWED": 7, "INVALID_FIELD": 3}


class ScriptedClient:
    """A collection of images, each of which lacks the model `new` until it is sent and `answer` says OK."""

    def __init__(self, images: Sequence[pb.ImageRecord], answer: Answer = lambda _: "OK") -> None:
        self._images = {image.image_id: image for image in images}
        self._answer = answer
        self.lacks = set(self._images)
        self.sent: list[pb.ImageEntry] = []
        self.pages = 0

    def collection(self, name: str) -> pb.Collection:
        if name != "c":
            raise LikenessError("NOT_FOUND", "COLLECTION_NOT_FOUND", "there is none")
        images = len(self._images)
        old = pb.ModelBinding(model="old", state=pb.ModelBinding.STATE_ACTIVE, image_count=images)
        state = pb.ModelBinding.STATE_BUILDING
        new = pb.ModelBinding(model="new", state=state, image_count=images - len(self.lacks))
        return pb.Collection(name=name, bindings=[old, new], image_count=images)

    def lacking(self, collection: str, model: str, token: str) -> tuple[list[pb.ImageRecord], str]:
        self.pages += 1
        start = int(token or 0)
        ids = sorted(self._images)[start : start + PAGE]
        more = start + PAGE < len(self._images)
        return [self._images[i] for i in ids if i in self.lacks], str(start + PAGE) if more else ""

    def index(self, collection: str, entries: Sequence[pb.ImageEntry], **options: Any) -> list[pb.IndexResult]:
        assert options["timeout_seconds"] > 10
        return [self._result(entry) for entry in entries]

    def _result(self, entry: pb.ImageEntry) -> pb.IndexResult:
        self.sent.append(entry)
        reason = self._answer(entry)
        if reason in ("OK", "UNCHANGED"):
            self.lacks.discard(entry.image_id)
            outcome = pb.IndexResult.OUTCOME_UPDATED if reason == "OK" else pb.IndexResult.OUTCOME_UNCHANGED
            return pb.IndexResult(image_id=entry.image_id, outcome=outcome)
        status = status_pb2.Status(code=_CODES[reason], message="entries[3].image.uri: no")
        metadata = {"image": "changed"} if reason == "CONFLICT" else {}
        status.details.add().Pack(error_details_pb2.ErrorInfo(reason=reason, domain="likeness", metadata=metadata))
        return pb.IndexResult(image_id=entry.image_id, error=status)


def image(number: int, uri: str = "file:///{}") -> pb.ImageRecord:
    made = pb.ImageRecord(image_id=f"x{number:03}", uri=uri.format(number))
    made.attributes["n"] = number
    made.update_time.FromMilliseconds(1_000 + number)
    return made


def feed(client: ScriptedClient, **options: Any) -> tuple[Tally, Coverage]:
    tally = Tally()
    plan = Plan("c", "new", **{"batch_size": 3, "patience_seconds": 0.2, **options})
    return tally, Feeder(client, plan, tally).run()  # type: ignore[arg-type]


def counts(tally: Tally) -> list[int]:
    return [tally.counted(outcome) for outcome in (FED, UNCHANGED, CHANGED, WITHOUT_URI, UNREADABLE)]


def test_each_image_is_sent_as_it_was_listed_to_be_read_from_its_uri() -> None:
    client = ScriptedClient([image(number) for number in range(20)])
    tally, coverage = feed(client)
    assert (counts(tally), coverage) == ([20, 0, 0, 0, 0], Coverage(20, 20, building=True))
    for number, entry in enumerate(sorted(client.sent, key=lambda entry: entry.image_id)):
        listed = image(number)
        assert (entry.image.uri, entry.uri, entry.attributes) == (listed.uri, listed.uri, listed.attributes)
        assert entry.expected_update_time == listed.update_time


def test_what_became_of_each_is_counted() -> None:
    said = ["OK", "UNCHANGED", "CONFLICT", "URI_UNREADABLE", "URI_NOT_ALLOWED"]
    images = [image(number) for number in range(20)] + [image(20 + number, "") for number in range(3)]
    client = ScriptedClient(images, lambda entry: said[int(entry.image_id[1:]) % 5])
    tally, coverage = feed(client)
    assert (counts(tally), coverage) == ([4, 4, 4, 3, 8], Coverage(8, 23, building=True))
    assert dict(tally.reasons) == {"URI_UNREADABLE": 4, "URI_NOT_ALLOWED": 4}
    assert {unread.error.message for unread in tally.first_unread} == {"no"}
    assert len(client.sent) == 20, "what was changed meanwhile is not sent again"


def test_only_the_first_few_that_cannot_be_read_are_kept() -> None:
    client = ScriptedClient([image(number) for number in range(40)], lambda _: "URI_UNREADABLE")
    tally, _ = feed(client)
    assert (tally.counted(UNREADABLE), len(tally.first_unread)) == (40, 10)


def test_it_ends_as_soon_as_every_image_is_covered() -> None:
    client = ScriptedClient([image(number) for number in range(50)])
    client.lacks = {"x000", "x010"}
    tally, coverage = feed(client)
    assert (counts(tally), coverage.complete, client.pages) == ([2, 0, 0, 0, 0], True, 2)
    assert feed(client)[1].complete
    assert client.pages == 2, "there was nothing to list"


def test_a_server_that_stays_away_ends_the_run() -> None:
    def away(_: pb.ImageEntry) -> str:
        raise LikenessError("UNAVAILABLE", "BACKEND_UNAVAILABLE", "away")

    with pytest.raises(LikenessError, match="away"):
        feed(ScriptedClient([image(1)], away))


def test_one_image_that_fails_its_whole_batch_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    client = ScriptedClient([image(number) for number in range(6)])
    index = client.index

    def strict(collection: str, entries: Sequence[pb.ImageEntry], **options: Any) -> list[pb.IndexResult]:
        if any(entry.image_id == "x004" for entry in entries):
            raise LikenessError("INVALID_ARGUMENT", "INVALID_FIELD", "images[0].attributes: no")
        return index(collection, entries, **options)

    monkeypatch.setattr(client, "index", strict)
    tally, _ = feed(client)
    assert counts(tally) == [5, 0, 0, 0, 1]


@pytest.mark.parametrize(
    ("plan", "reason"), [(Plan("c", "none"), "MODEL_NOT_ADDED"), (Plan("d", "new"), "COLLECTION_NOT_FOUND")]
)
def test_a_model_that_the_collection_has_not_is_refused(plan: Plan, reason: str) -> None:
    client = ScriptedClient([image(1)])
    with pytest.raises(LikenessError) as refused:
        Feeder(client, plan, Tally()).run()  # type: ignore[arg-type]
    assert (refused.value.reason, client.sent) == (reason, [])
    if reason == "MODEL_NOT_ADDED":
        assert refused.value.message == "collection 'c' has the models old, new, and not 'none'"
