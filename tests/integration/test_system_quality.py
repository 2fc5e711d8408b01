"""How well the built-in models find what belongs together, through the gateway, on real labelled photographs."""

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations, islice
from pathlib import Path

import pytest

from likeness.v1 import image_search_pb2, types_pb2
from tests.system import System

Photo = dict[str, str]


def photos(shared_data: Path, folder: str) -> list[Photo]:
    """Return the rows of the label file about one folder."""
    with (shared_data / "labels.csv").open() as file:
        return [row for row in csv.DictReader(file) if folder in Path(row["path"]).parts]


def content(shared_data: Path, photo: Photo) -> bytes:
    path = shared_data / photo["path"]
    return (path if path.is_file() else shared_data / "images" / photo["path"]).read_bytes()


async def index(
    likeness: System,
    shared_data: Path,
    collection: str,
    album: Iterable[Photo],
    models: Sequence[str] = ("colour", "shape"),
) -> None:
    """Index photographs under their paths, each with its label and its group."""
    made = image_search_pb2.Collection(name=collection, models=models)
    await likeness.gateway.CreateCollection(image_search_pb2.CreateCollectionRequest(collection=made))
    remaining = iter(album)
    while batch := list(islice(remaining, 32)):
        entries = [
            image_search_pb2.ImageEntry(
                image_id=photo["path"], image=types_pb2.Image(content=content(shared_data, photo))
            )
            for photo in batch
        ]
        for photo, entry in zip(batch, entries, strict=True):
            entry.attributes.update({"label": photo["label"], "group": photo["group"]})
        request = image_search_pb2.IndexImagesRequest(collection=collection, entries=entries)
        response = await likeness.gateway.IndexImages(request)
        assert not [result.error for result in response.results if result.HasField("error")]


async def share_of_first_hits_alike(
    likeness: System, collection: str, queries: list[Photo], same: dict[str, str]
) -> dict[str, float]:
    """Search with each image, itself left out; return how often the first hit is of its kind: P@1 or hit@1."""
    alike: Counter[str] = Counter()
    for photo in queries:
        request = image_search_pb2.SearchImagesRequest(
            collection=collection, image_id=photo["path"], exclude_self=True, top_k=1
        )
        response = await likeness.gateway.SearchImages(request)
        lists = {hits.model: hits.hits for hits in response.per_model} | {"fused": response.hits}
        alike.update(name for name, hits in lists.items() if same[hits[0].image_id] == same[photo["path"]])
    return {name: count / len(queries) for name, count in alike.items()}


async def pairs_in_groups(
    likeness: System, collection: str, model: str, max_distance: float, same: dict[str, str]
) -> tuple[float, float]:
    """Return the share of pairs in FindDuplicates' groups that belong together, and of those that do which it found."""
    request = image_search_pb2.FindDuplicatesRequest(collection=collection, model=model, max_distance=max_distance)
    found = [group.image_ids async for group in likeness.gateway.FindDuplicates(request, timeout=60)]
    pairs = [same[a] == same[b] for group in found for a, b in combinations(group, 2)]
    together = sum(count * (count - 1) // 2 for count in Counter(same.values()).values())
    precision, recall = sum(pairs) / len(pairs), sum(pairs) / together
    print(f"{model} within {max_distance}: {len(found)} groups, precision {precision:.3f}, recall {recall:.3f}")
    return precision, recall


@pytest.mark.parametrize("likeness", ["lite"], indirect=True)
async def test_built_in_models_and_their_fusion_on_imagenette(likeness: System, shared_data: Path) -> None:
    album = photos(shared_data, "imagenette")
    assert len(album) == 600
    await index(likeness, shared_data, "imagenette", album)
    labels = {photo["path"]: photo["label"] for photo in album}
    precision = await share_of_first_hits_alike(likeness, "imagenette", album, labels)
    print("P@1", precision)
    assert precision["colour"] >= 0.28
    assert precision["shape"] >= 0.29
    assert precision["fused"] >= 0.38


@pytest.mark.parametrize("likeness", ["lite"], indirect=True)
async def test_edits_of_a_photograph_find_it(likeness: System, shared_data: Path) -> None:
    album = photos(shared_data, "neardup")
    assert len(album) == 312
    await index(likeness, shared_data, "neardup", album)
    groups = {photo["path"]: photo["group"] for photo in album}
    originals = [photo for photo in album if photo["extra"] == "orig"]
    hit = await share_of_first_hits_alike(likeness, "neardup", originals, groups)
    print("hit@1", hit)
    assert hit == {"colour": 1.0, "shape": 1.0, "fused": 1.0}
    # Edits that turn or cut a picture are far from it for models that look at its layout or at little of it.
    for model, limit, least_recall in (("shape", 0.22, 0.8), ("colour", 0.47, 0.6)):
        precision, recall = await pairs_in_groups(likeness, "neardup", model, limit, groups)
        assert (precision > 0.99, recall > least_recall) == (True, True)
