"""What a caller looks for."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from search_service import filters
from search_service.fusion import Fusion
from search_service.reading import DEFAULT_PARAMS, Consistency, SearchParams
from search_service.values import Record
from search_service.writer import ModelVector


@dataclass(frozen=True, slots=True)
class Query:
    """What to look for: the vectors of a picture, or those stored of its content, or an image of the collection."""

    collection: str
    vectors: Sequence[ModelVector] = ()
    content_sha256: str = ""
    image_id: str = ""
    models: Sequence[str] = ()
    top_k: int = 10
    condition: filters.Filter | None = None
    max_distance: float | None = None
    exclude_self: bool = False
    include_attributes: bool = False
    fusion: Fusion = field(default_factory=Fusion)
    require_all_models: bool = False
    consistency: Consistency = Consistency.BOUNDED
    params: SearchParams = DEFAULT_PARAMS

    def wants(self, record: Record, distance: float) -> bool:
        """Say whether an image at this distance may be an answer."""
        version = record.version
        itself = version.image_id == self.image_id or version.content_sha256 == self.content_sha256
        return (
            not (self.exclude_self and itself)
            and (self.max_distance is None or distance <= self.max_distance)
            and (self.condition is None or filters.holds(self.condition, version.attributes))
        )
