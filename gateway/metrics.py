"""What the gateway counts, beside what every server does."""

from collections.abc import Sequence

from gateway.ports import Checked, Embedded, Indexed
from servicekit.metrics import Metrics


class GatewayMetrics(Metrics):
    """The gateway's metrics; it hears the answers of the two services."""

    def __init__(self) -> None:
        super().__init__()
        self._images = self.counter(
            "likeness_gateway_images", "Images indexed, by outcome: created, updated, unchanged or failed.", "outcome"
        )
        self._pictures = self.counter(
            "likeness_gateway_pictures",
            "Pictures, by where their vectors came from: embedded, or stored for the same content; or failed.",
            "vectors",
        )

    def checked(self, answer: tuple[Sequence[str], Sequence[Checked]]) -> None:
        """Hear what is known of images to be indexed."""
        for has in answer[1]:
            if has.unchanged:
                self._images.labels("unchanged").inc()
            elif not has.error and not has.missing_models:
                self._pictures.labels("stored").inc()

    def found(self, answer: tuple[Sequence[str], bool]) -> None:
        """Hear whether there are vectors of a picture that is searched for."""
        self._pictures.labels("stored").inc(answer[1])

    def embedded(self, answer: Sequence[Embedded]) -> None:
        """Hear what became of pictures."""
        failed = sum(1 for each in answer if each.error)
        self._pictures.labels("failed").inc(failed)
        self._pictures.labels("embedded").inc(len(answer) - failed)

    def written(self, answer: Sequence[Indexed]) -> None:
        """Hear what became of images; those whose stored vectors had gone are written again."""
        for each in answer:
            if not each.content_gone:
                self._images.labels(each.outcome.value.lower() if each.outcome else "failed").inc()
