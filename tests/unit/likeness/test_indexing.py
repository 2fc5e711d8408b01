"""The indexing engine against a gateway that fails in every way that one picture can."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from likeness.errors import LikenessError
from likeness.indexing import Indexer, Plan
from likeness.photos import Photo
from likeness.report import CREATED, Report
from likeness.v1 import image_search_pb2 as pb

_CODES = {"ABORTED": 10, "INVALID_ARGUMENT": 3, "UNAVAILABLE": 14}
Answer = Callable[[str, int], str]


class ScriptedClient:
    """Answers each picture of each call by what `answer` says of its id and of how often it was sent."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.sent: dict[str, int] = {}

    def index(self, collection: str, entries: Sequence[pb.ImageEntry]) -> list[pb.IndexResult]:
        return [self._result(entry.image_id) for entry in entries]

    def _result(self, image_id: str) -> pb.IndexResult:
        self.sent[image_id] = self.sent.get(image_id, 0) + 1
        code = self._answer(image_id, self.sent[image_id])
        result = pb.IndexResult(image_id=image_id)
        if code == "OK":
            result.outcome = pb.IndexResult.OUTCOME_CREATED
        elif code == "LOST":
            raise LikenessError("UNAVAILABLE", "BACKEND_UNAVAILABLE", "away")
        else:
            result.error.code = _CODES[code]
            result.error.message = "entries[2].image.content: is no picture"
        return result


@pytest.fixture
def photos(tmp_path: Path) -> list[Photo]:
    made = []
    for name in "abcd":
        path = tmp_path / f"{name}.png"
        path.write_bytes(b"pixels")
        made.append(Photo(path, name, path.stat().st_size))
    return made


def run(photos: Sequence[Photo], answer: Answer, patience_seconds: float = 5.0) -> tuple[Report, ScriptedClient]:
    client, report = ScriptedClient(answer), Report()
    Indexer(client, Plan("c", patience_seconds=patience_seconds), report).run(photos)  # type: ignore[arg-type]
    return report, client


def test_a_refused_picture_is_named_and_the_others_are_indexed(photos: list[Photo]) -> None:
    report, _ = run(photos, lambda image_id, _: "INVALID_ARGUMENT" if image_id == "b" else "OK")
    assert report.counted(CREATED) == 3
    ((refusal,)) = report.refused
    assert (refusal.image_id, refusal.error.message) == ("b", "is no picture")


def test_a_lost_server_is_waited_for(photos: list[Photo]) -> None:
    report, client = run(photos, lambda image_id, time: "LOST" if image_id == "a" and time < 3 else "OK")
    assert report.counted(CREATED) == 4
    assert client.sent["a"] == 3


def test_only_what_failed_is_sent_again(photos: list[Photo]) -> None:
    report, client = run(photos, lambda image_id, time: "ABORTED" if image_id == "c" and time == 1 else "OK")
    assert report.counted(CREATED) == 4
    assert client.sent == {"a": 1, "b": 1, "c": 2, "d": 1}


@pytest.mark.parametrize("code", ["ABORTED", "UNAVAILABLE"])
def test_a_picture_that_never_goes_through_ends_patience(photos: list[Photo], code: str) -> None:
    report, _ = run(photos, lambda image_id, _: code if image_id == "d" else "OK", patience_seconds=0.5)
    assert report.counted(CREATED) == 3
    assert [(r.image_id, r.error.code) for r in report.refused] == [("d", code)]


def test_a_server_that_stays_away_ends_the_run(photos: list[Photo]) -> None:
    with pytest.raises(LikenessError, match="away"):
        run(photos, lambda *_: "LOST", patience_seconds=0.3)
