"""What an operator can set."""

from pathlib import Path
from typing import Self

from pydantic import Field, FilePath, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from servicekit.settings import ServerSettings


class SearchSettings(ServerSettings):
    """Settings of the search service."""

    model_config = SettingsConfigDict(env_prefix="LIKENESS_SEARCH_", frozen=True)

    port: int = Field(50052, ge=0, le=65535, description="Port of the service; 0 picks a free one.")
    health_port: int = Field(
        50062, ge=0, le=65535, description="Plaintext port for grpc.health.v1; 0 picks a free one."
    )
    milvus_uri: str = Field(
        "likeness.db",
        description="Milvus address, such as http://milvus:19530, or the file of an embedded Milvus Lite.",
    )
    milvus_token: SecretStr = Field(SecretStr(""), description="Milvus `user:password` or API key; empty for none.")
    milvus_database: str = Field("", description="Milvus database, which must be there; empty for the default one.")
    milvus_tls_ca_file: FilePath | None = Field(
        None, description="PEM file of the authorities that an https Milvus is checked against; empty for the system's."
    )
    milvus_tls_cert_file: FilePath | None = Field(
        None, description="PEM file of the certificate that Milvus is shown; needs its key and milvus_tls_ca_file."
    )
    milvus_tls_key_file: FilePath | None = Field(None, description="PEM file of that certificate's key.")
    milvus_tls_server_name: str = Field(
        "", description="Name that Milvus's certificate must bear; empty for the address's own."
    )
    milvus_timeout_seconds: float = Field(10.0, gt=0, description="Longest wait for one Milvus call, in seconds.")
    milvus_threads: int = Field(8, ge=1, le=256, description="Milvus calls at once; further ones wait.")
    redis_url: str = Field(
        "redis://127.0.0.1:6379/0", description="Redis address, such as redis://redis:6379/0 or unix:///run/redis.sock."
    )
    redis_password: SecretStr = Field(SecretStr(""), description="Redis password; empty for none.")
    redis_timeout_seconds: float = Field(2.0, gt=0, description="Longest wait for one Redis answer, in seconds.")
    redis_connections: int = Field(32, ge=1, description="Redis connections at once; further calls wait.")
    write_timeout_seconds: float = Field(30.0, gt=0, description="Longest that one write may take, in seconds.")
    write_horizon_seconds: float = Field(
        120.0, gt=0, description="Age at which an unfinished write counts as dead, in seconds: over twice the longest."
    )
    sweep_interval_seconds: float = Field(10.0, gt=0, description="Time between two sweeps, in seconds.")
    sweep_retention_seconds: float = Field(
        10.0, ge=0, description="How long replaced rows stay, for searches under way, in seconds."
    )
    fusion_depth: int = Field(
        100, ge=1, le=1000, description="How far down each model's list fusion looks, at the least, in images."
    )
    search_margin: int = Field(
        16, ge=0, le=1000, description="Rows read beyond those asked for, against rows that newer versions replaced."
    )

    @property
    def lite_file(self) -> Path | None:
        """The file of an embedded Milvus Lite, or None where `milvus_uri` is a server's address."""
        return None if "://" in self.milvus_uri else Path(self.milvus_uri)

    @model_validator(mode="after")
    def _milvus_can_be_reached_so(self) -> Self:
        files = (self.milvus_tls_ca_file, self.milvus_tls_cert_file, self.milvus_tls_key_file)
        if (any(files) or self.milvus_tls_server_name) and not self.milvus_uri.startswith("https://"):
            raise ValueError("milvus_tls settings need a milvus_uri that begins with https://")
        if any(files[1:]) and not all(files):
            raise ValueError("milvus_tls_cert_file, milvus_tls_key_file and milvus_tls_ca_file go together")
        if self.milvus_database and self.lite_file is not None:
            raise ValueError("an embedded Milvus has no milvus_database")
        return self

    @model_validator(mode="after")
    def _horizon_outlasts_writes(self) -> Self:
        if self.write_horizon_seconds <= 2 * self.write_timeout_seconds:
            raise ValueError("write_horizon_seconds must be over twice write_timeout_seconds")
        return self
