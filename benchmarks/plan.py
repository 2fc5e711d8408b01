"""How much is measured."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Plan:
    """Sizes of the measurements.

    Args:
        images: Images in the collection that is searched by id.
        dimension: Of their vectors.
        rounds: Rounds, each with both sides in it.
        growth_sizes: Images at which growth is looked at.
        growth_dimension: Of the vectors that grow.
        shared_data: Folder with the network MobileNetV2; without it the built-in model `colour` embeds.
    """

    images: int = 20_000
    dimension: int = 2048
    rounds: int = 3
    growth_sizes: tuple[int, ...] = (1_000, 5_000, 20_000, 50_000)
    growth_dimension: int = 128
    shared_data: Path | None = None
