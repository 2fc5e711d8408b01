"""The embedder's settings, read from LIKENESS_EMBEDDER_*."""

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, FilePath, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from embedder_service.embedding import MAX_IMAGES
from embedder_service.networks import Network
from embedder_service.uris import Location
from servicekit.settings import MAX_PASSED_ON_MESSAGE_BYTES, ServerSettings


class EmbedderSettings(ServerSettings):
    """How pictures are read, which models there are and how they are run."""

    model_config = SettingsConfigDict(frozen=True, env_prefix="LIKENESS_EMBEDDER_")

    port: int = Field(50051, ge=0, le=65535, description="Port of the service; 0 picks a free one.")
    health_port: int = Field(
        50061, ge=0, le=65535, description="Plaintext port for grpc.health.v1; 0 picks a free one."
    )
    metrics_port: int = Field(9091, ge=0, le=65535, description="Plaintext port for Prometheus; 0 picks a free one.")
    max_message_bytes: int = Field(
        MAX_PASSED_ON_MESSAGE_BYTES,
        ge=1024 * 1024,
        lt=2**30,
        description="Largest request, in bytes: 8 MiB over the gateway's, which grow on their way.",
    )

    model_dirs: Annotated[tuple[Path, ...], NoDecode] = Field(
        (), description="Folders of models, beside the built-in ones, separated as in PATH; each subfolder is a model."
    )
    built_in_models: bool = Field(True, description="Whether the models `colour` and `shape` are served.")
    provider: Literal["cpu", "cuda", "tensorrt", "openvino"] = Field(
        "cpu", description="What networks run on: cpu; cuda, tensorrt or openvino with an ONNX Runtime that has them."
    )
    trial_seconds: float = Field(
        10.0,
        gt=0,
        le=600,
        description="Time for a model's trial, in a process of its own; then it is refused, in seconds.",
    )
    trial_memory_bytes: int = Field(
        4 * 2**30, ge=64 * 2**20, description="Memory for it, in bytes; a model that wants more is refused."
    )

    max_image_bytes: int = Field(20 * 1024 * 1024, ge=1, description="Largest encoded image, in bytes.")
    max_image_pixels: int = Field(50_000_000, ge=1, description="Largest width times height of an image.")
    max_image_side_px: int = Field(65_535, ge=1, description="Largest width or height of an image, in pixels.")
    max_jpeg_scans: int = Field(100, ge=1, description="Most scans that a JPEG may have.")
    extra_formats: Annotated[tuple[Literal["TIFF", "AVIF"], ...], NoDecode] = Field(
        (), description="Formats to read beside JPEG, PNG, WebP, GIF and BMP: TIFF, AVIF or both, with a comma."
    )

    uri_prefixes: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Beginnings of addresses that pictures may be read from, such as https://images.example.org/ or "
        "file:///srv/photos/, separated by spaces; empty for none.",
    )
    uri_networks: Annotated[tuple[Network, ...], NoDecode] = Field(
        (),
        description="Networks, beside the public internet, that such addresses may lead to, such as 10.1.0.0/16, with "
        "commas; empty for none.",
    )
    uri_ca_file: FilePath | None = Field(
        None, description="PEM file of authorities that https addresses are checked against, beside the system's."
    )
    uri_timeout_seconds: float = Field(
        5.0, gt=0, le=60, description="Longest that one picture may take to be read from its address, in seconds."
    )
    uri_reads: int = Field(8, ge=1, le=256, description="Pictures read from addresses at once; further ones wait.")

    max_waiting_images: int = Field(
        256, ge=MAX_IMAGES, description="Images taken on and not yet answered; more are refused with OVERLOADED."
    )
    stream_window_images: int = Field(
        32, ge=1, le=1024, description="Images of one stream that may be unanswered; more are not read."
    )
    stream_window_bytes: int = Field(
        32 * 1024 * 1024, ge=1, description="Bytes of those images; one image may always be unanswered."
    )
    decoders: int = Field(
        0, ge=0, le=256, description="Processes that decode, each one image at a time; 0: one a processor."
    )
    decode_cpu_seconds: float = Field(
        2.0, gt=0, le=60, description="Processor time for decoding one image, in seconds; its process is then replaced."
    )
    decode_memory_bytes: int = Field(
        1536 * 1024 * 1024, ge=256 * 1024 * 1024, description="Address space of a process that decodes, in bytes."
    )
    concurrent_runs: int = Field(0, ge=0, le=256, description="Runs of models at once; 0: one a processor.")
    run_threads: int = Field(0, ge=0, le=256, description="Threads that one run may use; 0: one a processor.")
    max_batch: int = Field(
        1,
        ge=1,
        le=MAX_IMAGES,
        description="Images in one run of a model. More than 1 pays on a GPU, and gives vectors other last digits.",
    )

    @field_validator("model_dirs", mode="before")
    @classmethod
    def _split_path(cls, value: Any) -> Any:
        return [part for part in value.split(os.pathsep) if part] if isinstance(value, str) else value

    @field_validator("uri_prefixes", mode="before")
    @classmethod
    def _split_words(cls, value: Any) -> Any:
        return value.split() if isinstance(value, str) else value

    @field_validator("uri_prefixes")
    @classmethod
    def _plain_prefixes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for prefix in value:
            Location.parse(prefix)
        return value

    @field_validator("extra_formats", "uri_networks", mode="before")
    @classmethod
    def _split_list(cls, value: Any) -> Any:
        return [part.strip().upper() for part in value.split(",") if part.strip()] if isinstance(value, str) else value
