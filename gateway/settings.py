"""What an operator can set."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from servicekit.settings import ServerSettings


class GatewaySettings(ServerSettings):
    """Settings of the gateway."""

    model_config = SettingsConfigDict(env_prefix="LIKENESS_GATEWAY_", frozen=True)

    port: int = Field(50050, ge=0, le=65535, description="Port of the service; 0 picks a free one.")
    health_port: int = Field(
        50060, ge=0, le=65535, description="Plaintext port for grpc.health.v1; 0 picks a free one."
    )
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
    call_timeout_seconds: float = Field(
        120.0,
        gt=0,
        description="Longest wait for one answer of another service, in seconds; a caller's deadline is cut to it.",
    )
