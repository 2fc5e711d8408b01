"""What the embedder counts, beside what every server does."""

from collections.abc import Iterable

from embedder_service.model_card import ModelCard
from servicekit.metrics import Metrics


class EmbedderMetrics(Metrics):
    """The embedder's metrics."""

    def __init__(self) -> None:
        super().__init__()
        self._models = self.gauge(
            "likeness_embedder_model_info", "1 for each model that is served.", "model", "fingerprint", "dimension"
        )
        self._threads = self.gauge(
            "likeness_embedder_threads", "Threads that decode, and that ONNX Runtime may use at once.", "use"
        )

    def models(self, cards: Iterable[ModelCard]) -> None:
        """Show which models are served."""
        for card in cards:
            self._models.labels(card.name, card.fingerprint, card.dimension).set(1)

    def threads(self, *, decode: int, inference: int) -> None:
        """Show how many threads there are."""
        self._threads.labels("decode").set(decode)
        self._threads.labels("inference").set(inference)
