"""Indexing: what is there already is neither sent to the embedder nor written, and no content is embedded twice."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from gateway import hashes
from gateway.ports import Checked, DuplicateId, Embedded, Embedder, Entry, Indexed, Outcome, Search, Version
from servicekit.errors import Aborted, Violation, invalid_field

Models = tuple[str, ...]
MAX_ENTRIES = 64
# How often a batch is begun anew because the collection got another model.
_CHANGES = 3


class Indexer:
    """Asks the embedder for the vectors that the search service does not have, and has the images written."""

    def __init__(self, embedder: Embedder, search: Search) -> None:
        self._embedder = embedder
        self._search = search

    async def index(self, collection: str, entries: Sequence[Entry]) -> list[Indexed]:
        """Index images and say what became of each, in order.

        Raises:
            InvalidField: the batch is empty or too large.
            DuplicateId: an id stands twice.
        """
        _require_batch(entries)
        versions = await _versions(entries)
        _require_distinct(versions)
        for _ in range(_CHANGES):
            try:
                return await self._index(collection, entries, versions)
            except Aborted as error:
                if error.metadata.get("collection") != "changed":
                    raise
        return await self._index(collection, entries, versions)

    async def _index(self, collection: str, entries: Sequence[Entry], versions: Sequence[Version]) -> list[Indexed]:
        done = {version.entry.position: wrong for version in versions if (wrong := _wrong(version))}
        sound = [version for version in versions if version.entry.position not in done]
        models, checked = await self._check(collection, [version for version in sound if version.content_sha256])
        done.update({position: indexed for position, (_, indexed) in checked.items() if indexed})
        needs = {position: tuple(has.missing_models) for position, (has, _) in checked.items()}
        todo = [version for version in versions if version.entry.position not in done]
        done.update(await self._write(collection, todo, needs, models))
        return [done[entry.position] for entry in entries]

    async def _check(
        self, collection: str, versions: Sequence[Version]
    ) -> tuple[Sequence[str], dict[int, tuple[Checked, Indexed | None]]]:
        """Return the collection's models and, by position, what is known of each image and what is settled by that."""
        if not versions:
            return await self._search.bound_to(collection), {}
        models, checked = await self._search.check(collection, versions)
        return models, {
            version.entry.position: (has, _settled(i, version, has))
            for i, (version, has) in enumerate(zip(versions, checked, strict=True))
        }

    async def _write(
        self, collection: str, versions: Sequence[Version], needs: Mapping[int, Models], models: Sequence[str]
    ) -> dict[int, Indexed]:
        """Embed and write; what counted as known and is not any more is embedded after all.

        `needs` holds, by position, the models that have no vector of an image's content; all where it is not known.
        """
        by_need: dict[Models, list[Version]] = {}
        for version in versions:
            by_need.setdefault(needs.get(version.entry.position, tuple(models)), []).append(version)
        embedded = [each for need, some in by_need.items() for each in await self._lacking(some, need, models)]
        done = {v.entry.position: _refused(v, r) for v, r in embedded if r.error}
        ready = [(_identified(v, r), r) for v, r in embedded if not r.error]
        for distinct in _distinct(ready):
            done.update(await self._upsert(collection, distinct, needs))
        if gone := [version for version in versions if done[version.entry.position].content_gone]:
            done.update(await self._write(collection, gone, {}, models))
        return done

    async def _upsert(
        self, collection: str, images: Sequence[tuple[Version, Embedded]], needs: Mapping[int, Models]
    ) -> dict[int, Indexed]:
        """Write, but for what is wrong with pictures that came as addresses: they could not be checked before."""
        late = [version for version, _ in images if version.entry.position not in needs]
        _, checked = await self._check(collection, late) if late else ((), {})
        done = {position: indexed for position, (_, indexed) in checked.items() if indexed}
        sound = [(version, embedded) for version, embedded in images if version.entry.position not in done]
        written = await self._search.upsert(collection, sound) if sound else []
        done.update((v.entry.position, indexed) for (v, _), indexed in zip(sound, written, strict=True))
        return done

    async def _lacking(
        self, versions: Sequence[Version], need: Models, models: Sequence[str]
    ) -> list[tuple[Version, Embedded]]:
        """Return the vectors of the models that are needed; those of the others are there."""
        if not need:
            return [(version, Embedded.stored(version.content_sha256)) for version in versions]
        reuse = len(need) < len(models)
        return [(v, replace(result, reuse=reuse)) for v, result in await self._embed(versions, need)]

    async def _embed(self, versions: Sequence[Version], models: Models) -> list[tuple[Version, Embedded]]:
        """Return what became of each; a content that stands several times is embedded once."""
        keys = [version.content_sha256 or str(version.entry.position) for version in versions]
        distinct = dict(zip(keys, versions, strict=True))
        pictures = [version.entry.picture for version in distinct.values()]
        results = await self._embedder.embed(pictures, models) if pictures else []
        by_key = {key: (i, result) for i, (key, result) in enumerate(zip(distinct, results, strict=True))}
        return [(version, _placed(*by_key[key], version)) for key, version in zip(keys, versions, strict=True)]


def _distinct(ready: Sequence[tuple[Version, Embedded]]) -> list[list[tuple[Version, Embedded]]]:
    """Return the images in lists, in none of which an id stands twice.

    As a rule one. The ids of pictures that came as addresses, without one, are known, and may be the same, only now.
    """
    lists: list[list[tuple[Version, Embedded]]] = []
    seen: Counter[str] = Counter()
    for version, embedded in ready:
        if seen[version.image_id] == len(lists):
            lists.append([])
        lists[seen[version.image_id]].append((version, embedded))
        seen[version.image_id] += 1
    return lists


def _refused(version: Version, result: Embedded) -> Indexed:
    """Return what became of a picture that cannot be embedded; it has a hash all the same."""
    return Indexed(version.image_id, version.content_sha256 or result.content_sha256, error=result.error)


def _placed(i: int, result: Embedded, version: Version) -> Embedded:
    """Return a result whose error, if it has one, names the field as the caller knows it."""
    if result.error is None:
        return result
    return replace(result, error=result.error.relocated(f"images[{i}]", f"entries[{version.entry.position}].image"))


def _identified(version: Version, embedded: Embedded) -> Version:
    """Return the version with the hash, and the id that is the hash, which only the embedder may have known."""
    sha256 = embedded.content_sha256
    return Version(version.entry, version.image_id or sha256, sha256)


async def _versions(entries: Sequence[Entry]) -> list[Version]:
    """Return the entries with the hashes of those whose bytes are here."""
    sha256s = await hashes.of_pictures([entry.picture for entry in entries])
    return [Version(e, e.image_id or sha256, sha256) for e, sha256 in zip(entries, sha256s, strict=True)]


def _wrong(version: Version) -> Indexed | None:
    """Return what became of an image that is wrong by itself, or None."""
    if version.entry.problem is None:
        return None
    error = version.entry.problem.relocated("", f"entries[{version.entry.position}].")
    return Indexed(version.image_id, version.content_sha256, error=error)


def _settled(i: int, version: Version, checked: Checked) -> Indexed | None:
    """Return what became of an image that is not to be written, or None."""
    if checked.error:
        error = checked.error.relocated(f"images[{i}]", f"entries[{version.entry.position}]")
        return Indexed(version.image_id, version.content_sha256, error=error)
    if checked.unchanged:
        return Indexed(version.image_id, version.content_sha256, outcome=Outcome.UNCHANGED)
    return None


def _require_batch(entries: Sequence[Entry]) -> None:
    if not 1 <= len(entries) <= MAX_ENTRIES:
        raise invalid_field("entries", f"has {len(entries)} entries; 1 to {MAX_ENTRIES} are taken")


def _require_distinct(versions: Iterable[Version]) -> None:
    named = [version for version in versions if version.image_id]
    counts = Counter(version.image_id for version in named)
    for version in named:
        if counts[version.image_id] > 1:
            field = f"entries[{version.entry.position}].image_id"
            problem = f"{version.image_id!r} stands {counts[version.image_id]} times in the batch"
            raise DuplicateId(f"{field}: {problem}", violations=[Violation(field, problem)])
