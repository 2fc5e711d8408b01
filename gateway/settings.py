"""What an operator can set."""

from typing import Self

from pydantic import Field, FilePath, model_validator
from pydantic_settings import SettingsConfigDict

from servicekit.settings import ServerSettings


class GatewaySettings(ServerSettings):
    """Settings of the gateway."""

    model_config = SettingsConfigDict(env_prefix="LIKENESS_GATEWAY_", frozen=True)

    port: int = Field(50050, ge=0, le=65535, description="Port of the service; 0 picks a free one.")
    health_port: int = Field(
        50060, ge=0, le=65535, description="Plaintext port for grpc.health.v1; 0 picks a free one."
    )
    metrics_port: int = Field(9090, ge=0, le=65535, description="Plaintext port for Prometheus; 0 picks a free one.")
    health_interval_seconds: float = Field(
        1.0,
        gt=0,
        description="Time between two notes of its health, in seconds; the services behind it have no part in that.",
    )
    embedder_address: str = Field(
        "127.0.0.1:50051", description="gRPC target of the embedder, such as dns:///embedder:50051."
    )
    search_address: str = Field(
        "127.0.0.1:50052", description="gRPC target of the search service, such as dns:///search:50052."
    )
    peer_tls_ca_file: FilePath | None = Field(
        None, description="PEM file of authorities that both are checked against; empty for connections without TLS."
    )
    peer_tls_cert_file: FilePath | None = Field(
        None, description="PEM file of the certificate that both are shown; needs its key and peer_tls_ca_file."
    )
    peer_tls_key_file: FilePath | None = Field(None, description="PEM file of that certificate's key.")
    peer_token_file: FilePath | None = Field(
        None, description="File with the bearer token that both are shown: an admin's of the search service."
    )
    embedder_tls_name: str = Field(
        "", description="Name that the embedder's certificate must bear; empty for the address's own."
    )
    search_tls_name: str = Field(
        "", description="Name that the search service's certificate must bear; empty for the address's own."
    )
    call_timeout_seconds: float = Field(
        120.0,
        gt=0,
        description="Longest wait for one answer of another service, in seconds; a caller's deadline is cut to it.",
    )
    long_call_timeout_seconds: float = Field(
        3600.0, gt=0, description="The same for EvaluateModels and FindDuplicates, in seconds."
    )
    ingest_batches: int = Field(
        3, ge=1, le=64, description="Batches of all IngestImages streams under way at once; further ones wait."
    )
    ingest_batch_images: int = Field(64, ge=1, le=64, description="Images in one batch of a stream.")
    ingest_batch_bytes: int = Field(
        8 * 1024 * 1024, ge=1, description="Pictures in one batch of a stream, in bytes; a larger one goes alone."
    )
    ingest_window_images: int = Field(
        256, ge=1, le=65536, description="Images of a stream that may be unanswered; then reading it stops."
    )
    ingest_window_bytes: int = Field(
        32 * 1024 * 1024, ge=1, description="Pictures of a stream that may be unanswered, in bytes."
    )
    ingest_linger_seconds: float = Field(
        0.005, ge=0, le=1, description="How long an idle stream waits for more images to join a batch, in seconds."
    )
    ingest_attempt_seconds: float = Field(120.0, gt=0, description="Time for one attempt at a batch, in seconds.")
    ingest_patience_seconds: float = Field(
        60.0, ge=0, description="How long a batch is tried again while a service is away or full, in seconds."
    )

    @model_validator(mode="after")
    def _whole_peer_identity(self) -> Self:
        if (self.peer_tls_cert_file is None) != (self.peer_tls_key_file is None):
            raise ValueError("peer_tls_cert_file and peer_tls_key_file go together")
        if self.peer_tls_cert_file and not self.peer_tls_ca_file:
            raise ValueError("peer_tls_cert_file needs peer_tls_ca_file")
        return self
