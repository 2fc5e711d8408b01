"""What the embedder counts, beside what every server does."""

from collections.abc import Callable, Sequence

from embedder_service.model_card import ModelCard
from servicekit.metrics import Metrics


class EmbedderMetrics(Metrics):
    """The embedder's metrics."""

    def __init__(self) -> None:
        super().__init__()
        self._threads = self.gauge(
            "likeness_embedder_threads", "Threads that decode, and that ONNX Runtime may use at once.", "use"
        )

    def follow_models(self, cards: Callable[[], Sequence[ModelCard]]) -> None:
        """Show which models are served: those whose cards are given whenever it is asked for."""

        def rows() -> list[tuple[str, str, str]]:
            return [(card.name, card.fingerprint, str(card.dimension)) for card in cards()]

        labels = ("model", "fingerprint", "dimension")
        self.listing("likeness_embedder_model_info", "1 for each model that is served.", labels, rows)

    def threads(self, *, decode: int, inference: int) -> None:
        """Show how many threads there are."""
        self._threads.labels("decode").set(decode)
        self._threads.labels("inference").set(inference)
