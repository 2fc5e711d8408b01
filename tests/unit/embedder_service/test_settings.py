"""LIKENESS_EMBEDDER_*."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from embedder_service.settings import EmbedderSettings
from servicekit import settings


def test_the_defaults_are_those_of_the_contract() -> None:
    loaded = settings.load(EmbedderSettings)
    assert (loaded.port, loaded.health_port) == (50051, 50061)
    assert (loaded.max_image_bytes, loaded.max_image_pixels) == (20 * 2**20, 50_000_000)
    assert (loaded.max_image_side_px, loaded.max_jpeg_scans) == (65_535, 100)
    assert (loaded.model_dirs, loaded.built_in_models, loaded.extra_formats) == ((), True, ())


def test_folders_are_separated_as_in_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIKENESS_EMBEDDER_MODEL_DIRS", "/models:/more models:")
    assert settings.load(EmbedderSettings).model_dirs == (Path("/models"), Path("/more models"))


def test_formats_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIKENESS_EMBEDDER_EXTRA_FORMATS", "tiff, AVIF")
    assert settings.load(EmbedderSettings).extra_formats == ("TIFF", "AVIF")


@pytest.mark.parametrize("extra", ["EPS", "MPO", "TIFF;AVIF"])
def test_other_formats_cannot_be_added(extra: str) -> None:
    with pytest.raises(ValidationError):
        EmbedderSettings.model_validate({"extra_formats": extra})


def test_a_whole_batch_must_fit_among_those_that_wait() -> None:
    with pytest.raises(ValidationError):
        EmbedderSettings(max_waiting_images=63)
