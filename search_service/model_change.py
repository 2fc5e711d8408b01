"""Models of a collection that come and go while it is searched and written to."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from search_service import encoding, limits
from search_service.catalogue import Described, model_not_found, new_space, require_fingerprint, uid_of
from search_service.ports import CollectionChanged, ForceRequired, IndexIncomplete, RecordStore
from search_service.ports_repair import RepairVectors
from search_service.values import Binding, Collection, IndexSpec
from servicekit.errors import Resource, invalid_field

_ATTEMPTS = 5
_SMALLEST_DIMENSION = 2


class ModelChanges:
    """Adds, activates and removes models. Each change of the definition is one transaction, and may be repeated.

    A model that is added gets a space of its own, and from then on every write fills it too: what was begun for the
    definition before is refused at its commit. So its space only ever lacks images that were committed before, and
    these are known by their records.
    """

    def __init__(self, records: RecordStore, vectors: RepairVectors) -> None:
        self._records = records
        self._vectors = vectors

    async def add(self, name: str, model: Binding) -> Described:
        """Give a collection a model, building.

        Raises:
            CollectionNotFound: there is no such collection.
            FingerprintMismatch: it has another version of this model.
            InvalidField: it has as many models as it may.
        """
        collection = await self._records.collection(name)
        known = _find(collection, model.model)
        if known:
            require_fingerprint(known, model.fingerprint)
        else:
            collection = await self._extended(collection, replace(model, building=True))
        # Repeated too: an earlier attempt may have ended before it.
        await self._records.fence(collection.uid, collection.revision)
        return await self._described(collection)

    async def activate(self, name: str, model: str, replaces: str, *, force: bool) -> Described:
        """Let searches use a model, in place of `replaces` if that is given.

        Raises:
            CollectionNotFound, ModelNotFound: one of them is not there.
            IndexIncomplete: some images have no vector of it, and `force` is not set.
        """

        async def changed(collection: Collection) -> Collection:
            binding = _find(collection, model)
            if binding is None:
                raise model_not_found(collection, model)
            if binding.building and not force:
                await self._require_complete(collection, binding)
            kept = [b for b in collection.bindings if b.model != replaces or b is binding]
            return _with(collection, [replace(b, building=False) if b is binding else b for b in kept])

        return await self._described(await self._changed(name, changed))

    async def remove(self, name: str, model: str, *, force: bool) -> Described:
        """Take a model from a collection; one that is not there is no error.

        Raises:
            CollectionNotFound: there is no such collection.
            ForceRequired: searches use it, and `force` is not set.
            InvalidField: it is the last that searches can use.
        """

        async def changed(collection: Collection) -> Collection:
            binding = _find(collection, model)
            if binding and not binding.building:
                _require_removable(collection, model, force=force)
            return _with(collection, [b for b in collection.bindings if b is not binding])

        return await self._described(await self._changed(name, changed))

    async def _extended(self, collection: Collection, model: Binding) -> Collection:
        """Return the collection with one more model."""
        limits.require_model(collection, model)
        binding = replace(model, space=new_space(collection.uid))
        changed = _with(collection, [*collection.bindings, binding])
        await self._make(binding.space, binding.dimension, collection.index, changed)
        if not await self._records.redefine(changed):
            raise _busy(collection)
        return changed

    async def _require_complete(self, collection: Collection, binding: Binding) -> None:
        coverage = await self._records.coverage(collection.uid)
        lacking = coverage.images - coverage.by_tag.get(binding.tag, 0)
        if lacking:
            raise IndexIncomplete(
                f"{lacking} of {coverage.images} images have no vector of model {binding.model!r}; index them again",
                resource=Resource("model", binding.model),
            )

    async def _changed(self, name: str, change: Callable[[Collection], Awaitable[Collection]]) -> Collection:
        """Change a collection's definition, anew where another change came first."""
        for _ in range(_ATTEMPTS):
            collection = await self._records.collection(name)
            changed = await change(collection)
            if changed.bindings == collection.bindings:
                return collection
            # Milvus cannot change what the spaces of the models say of themselves. For a record store that is lost, a
            # space without rows keeps the definition, until the next one does.
            noted = new_space(changed.uid)
            await self._make(noted, _SMALLEST_DIMENSION, IndexSpec(), changed)
            if await self._records.redefine(changed, kept=[noted], retired=await self._over(changed, noted)):
                return changed
        raise _busy(collection)

    async def _make(self, space: str, dimension: int, index: IndexSpec, changed: Collection) -> None:
        """Make a space that describes a definition to come; it is listed as one to be dropped until that one stands."""
        await self._records.retire([space])
        await self._vectors.create(space, dimension, changed.metric, index, encoding.collection_text(changed))

    async def _over(self, changed: Collection, noted: str) -> list[str]:
        """Return the collection's spaces that a definition leaves without a use."""
        kept = {noted, *(binding.space for binding in changed.bindings)}
        spaces = await self._vectors.space_names()
        return [space for space in spaces if uid_of(space) == changed.uid and space not in kept]

    async def _described(self, collection: Collection) -> Described:
        return Described(collection, await self._records.coverage(collection.uid))


def _find(collection: Collection, model: str) -> Binding | None:
    return next((binding for binding in collection.bindings if binding.model == model), None)


def _with(collection: Collection, bindings: list[Binding]) -> Collection:
    return replace(collection, bindings=tuple(bindings), revision=collection.revision + 1)


def _require_removable(collection: Collection, model: str, *, force: bool) -> None:
    if len(collection.active) == 1:
        raise invalid_field("model", f"{model!r} is the last one that searches can use")
    if not force:
        raise ForceRequired(f"searches use model {model!r}; set force", resource=Resource("model", model))


def _busy(collection: Collection) -> CollectionChanged:
    return CollectionChanged(f"collection {collection.name!r} is being changed by another call")
