"""What the core needs of others, the values that pass between them, and what can go wrong with a picture."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from embedder_service.geometry import Geometry
from embedder_service.model_card import ModelCard
from servicekit import errors

Pixels = npt.NDArray[np.uint8]
"""One picture, [height, width, 3], RGB."""
Vectors = npt.NDArray[np.float32]
"""One vector, or one row a picture."""


CONTENT = "content"
"""The field that an ImageDecoder's errors are about, within its image."""
URI = "uri"
"""The field that a UriReader's errors are about, within its image."""


class ImageUndecodable(errors.InvalidArgument):
    """The bytes are no picture of a format that is read here, or are damaged."""

    reason = "IMAGE_UNDECODABLE"


class ImageTooLarge(errors.InvalidArgument):
    """The file, or the picture that its header announces, is over a limit."""

    reason = "IMAGE_TOO_LARGE"


class ImageTooComplex(errors.InvalidArgument):
    """Decoding would take more time or memory than a picture may have."""

    reason = "IMAGE_TOO_COMPLEX"


class UriNotAllowed(errors.PermissionDenied):
    """The picture is at an address that this server does not read."""

    reason = "URI_NOT_ALLOWED"


class UriUnreadable(errors.FailedPrecondition):
    """There is no picture at an address, or none that comes in time."""

    reason = "URI_UNREADABLE"


class ModelNotFound(errors.NotFound):
    """No model of that name is served."""

    reason = "MODEL_NOT_FOUND"


class RunFailed(errors.Internal):
    """A network fails at a picture."""


class ModelUnusable(Exception):
    """A model cannot be served. The message says why, in one line for the operator, and goes to the log alone."""


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """A picture, ready for every model that asked."""

    width_px: int
    """Of the whole picture, after EXIF orientation."""
    height_px: int
    format: str
    content_sha256: str
    """Of the encoded bytes, in lower-case hex."""
    pixels: Sequence[Pixels]
    """One for each geometry asked for, in that order."""


class ImageDecoder(Protocol):
    """Turns encoded pictures into pixels: the work of one picture in one place, which may be another process."""

    async def decode(self, content: bytes, geometries: Sequence[Geometry], *, bulk: bool = False) -> DecodedImage:
        """Decode `content` once, and resize and crop it for each of `geometries`.

        May be called any number of times at once; the adapter bounds how many are worked on, and lets `bulk` work wait.

        Raises:
            ImageUndecodable, ImageTooLarge, ImageTooComplex: the picture is at fault; they name the field CONTENT.
        """


class Model(Protocol):
    """A network that is loaded, tried, and ready."""

    @property
    def card(self) -> ModelCard:
        """What it is, and what it must be given."""

    def infer(self, images: Sequence[Pixels], *, alone: bool = True) -> Awaitable[Vectors]:
        """Run once; return the pooled output, [len(images), card.dimension], float32, not yet of length 1.

        May be called any number of times at once; whoever calls bounds how many run, and how large a batch is.
        Cancelled, it ends soon, and uses no processor from then on.

        Args:
            images: At least one, each of the size that `card.preprocessing.geometry` says.
            alone: Whether to use every processor for this run, since none else is under way.

        Raises:
            Exception: of the runtime's, where it fails at a picture; at which is not known.
        """

    def close(self) -> None:
        """Let go of the memory; nothing is under way, and nothing will be."""


@dataclass(slots=True)
class Catalog:
    """What the folders of models held."""

    models: dict[str, Model] = field(default_factory=dict)
    """Those that can be served, by name, in order of name."""
    refused: dict[str, str] = field(default_factory=dict)
    """What is wrong with the others, by name; a name may be served all the same, from elsewhere or from before.

    In order of name; folders of models that cannot be read are in it by their paths.
    """


class ModelSource(Protocol):
    """Where models come from."""

    async def load(self, serving: Mapping[str, Model]) -> Catalog:
        """Load, try and check every model.

        Args:
            serving: What was loaded before. A model whose folder says the same still is taken over as it is; one whose
                folder has become wrong, or cannot be reached, goes on.
        """


TryFolder = Callable[[Path], None]
"""Finds out whether a folder of a model can be loaded without harm; raises ModelUnusable. Waits for that."""
LoadModel = Callable[[ModelCard, bytes], Model]
"""Makes a model of a card and of the ONNX file that the card's hash is of; raises ModelUnusable."""


class Observer:
    """Is told what happens to images. Does nothing with it: whoever wants to know overrides what it wants to know."""

    def decoded(self, seconds: float, reason: str) -> None:
        """One decoding took so long, from a free worker to pixels; `reason` is its error's, or empty."""

    def waited(self, model: str, seconds: float) -> None:
        """One image's pixels were ready so long before a run took them."""

    def prepared(self, model: str, seconds: float) -> None:
        """One run's tensor took so long to be made of pixels; told on the run's own thread."""

    def ran(self, model: str, images: int, seconds: float) -> None:
        """One run over so many images took so long."""

    def refused(self, reason: str, images: int) -> None:
        """So many images were refused for `reason` before they cost anything."""


class UriReader(Protocol):
    """Gives what stands at addresses. Its errors name the field URI."""

    def content(self, uri: str) -> AbstractAsyncContextManager[bytes]:
        """Give the bytes at an address, with memory set aside for them while the block runs.

        Raises:
            UriNotAllowed, UriUnreadable, ImageTooLarge.
        """


class FileReader(Protocol):
    """Reads files of this machine."""

    async def read(self, path: str) -> bytes:
        """Return a file, or raise UriNotAllowed where links lead out of the allowed folders, or as UriReader does."""


@dataclass(frozen=True, slots=True)
class Moved:
    """An answer that names another address."""

    to: str


class HttpReader(Protocol):
    """Asks other machines."""

    async def get(self, url: str) -> bytes | Moved:
        """Return what an address answers, following nothing; raise as UriReader does."""


def unreadable(problem: str, **metadata: str) -> UriUnreadable:
    """Return the error that an address gives no picture."""
    return UriUnreadable(f"{URI}: {problem}", violations=[errors.Violation(URI, problem)], metadata=metadata)


def too_large(limit_bytes: int) -> ImageTooLarge:
    """Return the error that what stands at an address has too many bytes; how many is not waited for."""
    problem = f"has over {limit_bytes:,} bytes, which is the limit"
    metadata = {"unit": "bytes", "limit": str(limit_bytes)}
    return ImageTooLarge(f"{URI}: {problem}", violations=[errors.Violation(URI, problem)], metadata=metadata)
