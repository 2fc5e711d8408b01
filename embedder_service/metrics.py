"""What the embedder counts, beside what every server does."""

from collections.abc import Sequence

from embedder_service.ports import Observer
from embedder_service.registry import Registry
from servicekit.metrics import Metrics

_IMAGES = (1, 2, 4, 8, 16, 32, 64)


class EmbedderMetrics(Metrics, Observer):
    """The embedder's metrics; its core tells them as to an Observer."""

    def __init__(self) -> None:
        super().__init__()
        self._decode_seconds = self.histogram(
            "likeness_embedder_decode_seconds", "Time to decode, resize and crop one image."
        )
        self._undecoded = self.counter(
            "likeness_embedder_decode_failures", "Images that could not be decoded, by reason.", "reason"
        )
        self._queue_seconds = self.histogram(
            "likeness_embedder_queue_seconds", "Time that one image's pixels wait for a run of the model.", "model"
        )
        self._preprocess_seconds = self.histogram(
            "likeness_embedder_preprocess_seconds", "Time to write one batch's pixels into a tensor.", "model"
        )
        self._inference_seconds = self.histogram(
            "likeness_embedder_inference_seconds", "Time of one run of the model, over one batch.", "model"
        )
        self._batch_images = self.histogram(
            "likeness_embedder_batch_images", "Images in one run.", "model", buckets=_IMAGES
        )
        self._refused = self.counter(
            "likeness_embedder_refused_images", "Images refused before they cost anything, by reason.", "reason"
        )
        self._threads = self.gauge(
            "likeness_embedder_threads", "Processes that decode, and threads that ONNX Runtime may use at once.", "use"
        )

    def show(self, registry: Registry) -> None:
        """Show which models are served, and what waits for each, whenever that is asked for."""

        def served() -> list[tuple[Sequence[str], float]]:
            return [((card.name, card.fingerprint, str(card.dimension)), 1) for card in registry.cards()]

        def waiting() -> list[tuple[Sequence[str], float]]:
            return [((name,), count) for name, count in registry.waiting().items()]

        labels = ("model", "fingerprint", "dimension")
        self.listing("likeness_embedder_model_info", "1 for each model that is served.", labels, served)
        meaning = "Images of unary calls taken on and not yet answered."
        self.listing("likeness_embedder_images_waiting", meaning, ("model",), waiting)

    def decoded(self, seconds: float, reason: str) -> None:
        """See Observer."""
        self._decode_seconds.observe(seconds)
        if reason:
            self._undecoded.labels(reason).inc()

    def waited(self, model: str, seconds: float) -> None:
        """See Observer."""
        self._queue_seconds.labels(model).observe(seconds)

    def prepared(self, model: str, seconds: float) -> None:
        """See Observer."""
        self._preprocess_seconds.labels(model).observe(seconds)

    def ran(self, model: str, images: int, seconds: float) -> None:
        """See Observer."""
        self._inference_seconds.labels(model).observe(seconds)
        self._batch_images.labels(model).observe(images)

    def refused(self, reason: str, images: int) -> None:
        """See Observer."""
        self._refused.labels(reason).inc(images)

    def threads(self, *, decode: int, inference: int) -> None:
        """Show how many threads there are."""
        self._threads.labels("decode").set(decode)
        self._threads.labels("inference").set(inference)
