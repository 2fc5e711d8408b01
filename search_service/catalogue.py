"""Collections: made, found, listed, deleted."""

import asyncio
import base64
import binascii
import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from search_service import encoding, limits, sizes
from search_service.ports import (
    FingerprintMismatch,
    ForceRequired,
    IndexIncomplete,
    ModelNotFound,
    RecordStore,
    VectorStore,
)
from search_service.values import Binding, Collection, Coverage
from servicekit.errors import Resource, invalid_field

_UID_BYTES = 8
_TAG_BYTES = 4
_SPACE = re.compile(rf"likeness_([0-9a-f]{{{2 * _UID_BYTES}}})_.+")
DEFAULT_PAGE = 100
_NO_IMAGES = Coverage(0, {})


@dataclass(frozen=True, slots=True)
class Described:
    """A collection, how many images it holds, and how many of them each of its spaces does."""

    collection: Collection
    coverage: Coverage = _NO_IMAGES


@dataclass(frozen=True, slots=True)
class Page:
    """Some collections, and the token of the next page, empty on the last."""

    collections: Sequence[Described]
    next_token: str


class Catalogue:
    """Knows every collection. One is prepared first and registered last, so that a crash leaves one to clear away."""

    def __init__(self, records: RecordStore, vectors: VectorStore, *, horizon_seconds: float) -> None:
        self._records = records
        self._vectors = vectors
        self._horizon = horizon_seconds

    async def create(self, wanted: Collection) -> Described:
        """Make a collection.

        Raises:
            CollectionExists: the name is taken.
            InvalidField: it breaks a rule, or the store does not offer its kind of index.
            BackendUnavailable: making it took as long as after which a half-made one is cleared away.
        """
        limits.require_collection(wanted)
        uid = secrets.token_hex(_UID_BYTES)
        index = await self._vectors.resolved(wanted.index)
        bindings = tuple(replace(binding, space=new_space(uid)) for binding in wanted.bindings)
        collection = replace(wanted, uid=uid, index=index, bindings=bindings, create_ms=time.time_ns() // 1_000_000)
        await self._records.prepare(collection)
        spaces = [(binding.space, binding.dimension) for binding in bindings]
        text = encoding.collection_text(collection)
        await asyncio.gather(*(self._vectors.create(*space, wanted.metric, index, text) for space in spaces))
        await self._records.register(collection, self._horizon)
        return Described(collection)

    async def get(self, name: str) -> Described:
        """Return a collection.

        Raises:
            CollectionNotFound: there is none of this name.
        """
        return await self._described(await self._records.collection(name))

    async def page(self, page_size: int, page_token: str) -> Page:
        """Return a page of collections, by name."""
        limits.require_page(page_size)
        after = decode_token(page_token)
        found = [c for c in await self._records.collections() if c.name > after]
        page = sizes.fitting(found[: page_size or DEFAULT_PAGE], sizes.of_collection)
        more = len(found) > len(page)
        return Page([await self._described(c) for c in page], encode_token(page[-1].name) if more else "")

    async def delete(self, name: str, *, force: bool) -> None:
        """Delete a collection; its rows and records are cleared away afterwards.

        Raises:
            CollectionNotFound: there is none of this name.
            ForceRequired: it holds images and `force` is not set.
        """
        collection = await self._records.collection(name)
        count = await self._records.count(collection.uid)
        if count and not force:
            raise ForceRequired(
                f"collection {name!r} holds {count} images; set force", resource=Resource("collection", name)
            )
        await self._records.unregister(collection)

    async def _described(self, collection: Collection) -> Described:
        return Described(collection, await self._records.coverage(collection.uid))


def chosen(collection: Collection, models: Sequence[str]) -> list[Binding]:
    """Return the bindings to search with: of these models, or all that can be if none is named.

    Raises:
        ModelNotFound: the collection has no such model.
        IndexIncomplete: a model is being built.
        InvalidField: a model is named twice.
    """
    if len(set(models)) < len(models):
        raise invalid_field("models", "a model is named twice")
    bindings = {binding.model: binding for binding in collection.bindings}
    for model in models:
        if model not in bindings:
            raise model_not_found(collection, model)
        if bindings[model].building:
            raise IndexIncomplete(f"model {model!r} is being built", resource=Resource("model", model))
    return [bindings[model] for model in models] or list(collection.active)


def model_not_found(collection: Collection, model: str) -> ModelNotFound:
    """Return the error that a collection has no such model."""
    return ModelNotFound(f"collection {collection.name!r} has no model {model!r}", resource=Resource("model", model))


def require_fingerprint(binding: Binding, fingerprint: str) -> None:
    """Raise FingerprintMismatch unless vectors of this fingerprint belong with the binding's."""
    if fingerprint != binding.fingerprint:
        raise FingerprintMismatch(
            f"the collection's vectors are of another version of model {binding.model!r}",
            resource=Resource("model", binding.model),
            metadata={"collection_fingerprint": binding.fingerprint, "embedder_fingerprint": fingerprint},
        )


def encode_token(last: str) -> str:
    """Return the page token that goes on after `last`."""
    return base64.urlsafe_b64encode(last.encode()).decode()


def decode_token(token: str) -> str:
    """Return what `encode_token` was given.

    Raises:
        InvalidField: the token is not one of ours.
    """
    try:
        return base64.b64decode(token.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError):
        raise invalid_field("page_token", "not a token of this call") from None


def new_space(uid: str) -> str:
    """Return a name for a space of a collection that no other ever had."""
    return f"likeness_{uid}_{secrets.token_hex(_TAG_BYTES)}"


def uid_of(space: str) -> str | None:
    """Return the uid of the collection that a space is of; None if it is not one of ours."""
    found = _SPACE.fullmatch(space)
    return found and found[1]
