"""The end of every way to a model: it is tried, its golden vectors are made, and its folder is written."""

from pathlib import Path

from embedder_service.golden import MIN_COSINE, Golden
from embedder_service.model_card import ModelCard
from embedder_service.model_tools import folder, terminal, workbench


async def store(
    repository: Path, card: ModelCard, content: bytes, *, replace: bool, min_cosine: float = MIN_COSINE
) -> Path:
    """Try a model and write its folder; say where it is.

    Raises:
        ToolError: the embedder would refuse it, or the folder cannot be written.
    """
    async with workbench.opened() as bench:
        vectors = await bench.golden_vectors(bench.load(card, content))
    written = folder.write(repository, card, content, Golden.of(card.fingerprint, vectors, min_cosine), replace=replace)
    terminal.result(f"{written}: {card.dimension} numbers a picture, fingerprint {card.fingerprint[:12]}")
    return written
