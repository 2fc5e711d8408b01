"""What an operator can set."""

from pathlib import Path
from typing import Self

from pydantic import Field, FilePath, SecretStr, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from search_service import redis_address
from search_service.redis_address import RedisAccess
from search_service.steps import RECORD_STEPS, VECTOR_STEPS
from servicekit.failpoints import Failpoints, names
from servicekit.settings import MAX_PASSED_ON_MESSAGE_BYTES, ServerSettings

FAILPOINTS = (*names("records", RECORD_STEPS), *names("vectors", VECTOR_STEPS))


class SearchSettings(ServerSettings):
    """Settings of the search service."""

    model_config = SettingsConfigDict(env_prefix="LIKENESS_SEARCH_", frozen=True)

    port: int = Field(50052, ge=0, le=65535, description="Port of the service; 0 picks a free one.")
    health_port: int = Field(
        50062, ge=0, le=65535, description="Plaintext port for grpc.health.v1; 0 picks a free one."
    )
    metrics_port: int = Field(9092, ge=0, le=65535, description="Plaintext port for Prometheus; 0 picks a free one.")
    max_message_bytes: int = Field(
        MAX_PASSED_ON_MESSAGE_BYTES,
        ge=1024 * 1024,
        lt=2**30,
        description="Largest request, in bytes: 8 MiB over the gateway's, which grow on their way.",
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
    milvus_threads: int = Field(8, ge=1, le=256, description="Writes and surveys of Milvus at once; further ones wait.")
    vector_cache_bytes: int = Field(
        64 * 1024 * 1024, ge=0, description="Memory for vectors that were looked up in Milvus, in bytes; 0 for none."
    )
    redis_url: str = Field(
        "redis://127.0.0.1:6379/0",
        description="Redis address: redis://redis:6379/0, unix:///run/redis.sock, "
        "redis+sentinel://host:26379,host:26379/service/0 or redis+cluster://host:6379,host:6379; "
        "rediss in place of redis for TLS.",
    )
    redis_username: str = Field("", description="Redis ACL user; empty for the default one.")
    redis_password: SecretStr = Field(SecretStr(""), description="Redis password; empty for none.")
    redis_sentinel_username: str = Field("", description="ACL user at the sentinels; empty for the default one.")
    redis_sentinel_password: SecretStr = Field(SecretStr(""), description="Password at the sentinels; empty for none.")
    redis_tls_ca_file: Path | None = Field(
        None, description="PEM file of authorities whose Redis certificates are accepted, beside the system's."
    )
    redis_tls_cert_file: Path | None = Field(None, description="PEM file of the certificate shown to Redis.")
    redis_tls_key_file: Path | None = Field(None, description="PEM file of that certificate's key.")
    redis_tls_check_name: bool = Field(
        True, description="Whether a Redis certificate must be of the host name or address connected to."
    )
    redis_require_durable: bool = Field(
        True,
        description="Whether a Redis without `appendonly yes` and `maxmemory-policy noeviction` keeps us NOT_SERVING.",
    )
    redis_replicas: int = Field(
        0, ge=0, le=16, description="Replicas that must have a write before it is acknowledged; 0 for none."
    )
    redis_replica_seconds: float = Field(0.5, gt=0, description="Longest that a write waits for them, in seconds.")
    redis_timeout_seconds: float = Field(2.0, gt=0, description="Longest wait for one Redis answer, in seconds.")
    redis_connections: int = Field(32, ge=1, description="Redis connections at once; further calls wait.")
    write_timeout_seconds: float = Field(30.0, gt=0, description="Longest that one write may take, in seconds.")
    write_horizon_seconds: float = Field(
        120.0, gt=0, description="Age at which an unfinished write counts as dead, in seconds: over twice the longest."
    )
    answer_retention_seconds: float = Field(
        86_400.0, gt=0, description="How long the answer to a request that has a `request_id` is kept, in seconds."
    )
    sweep_interval_seconds: float = Field(10.0, gt=0, description="Time between two sweeps, in seconds.")
    sweep_retention_seconds: float = Field(
        10.0, ge=0, description="How long replaced rows stay, for searches under way, in seconds."
    )
    lease_seconds: float = Field(
        30.0,
        ge=1,
        description="How long a sweep, reconcile or rebuild that died keeps the next from starting, in seconds.",
    )
    maintenance_rows_per_second: float = Field(
        5000.0,
        gt=0,
        description="Pace of reconcile and rebuild, in rows a second: serving goes on beside them.",
    )
    shared_milvus: bool = Field(
        False,
        description="Whether others keep collections in this Milvus: those that Redis does not know are not lost then.",
    )
    fusion_depth: int = Field(
        100, ge=1, le=1000, description="How far down each model's list fusion looks, at the least, in images."
    )
    search_margin: int = Field(
        16, ge=0, le=1000, description="Rows read beyond those asked for, against rows that newer versions replaced."
    )
    survey_searches: int = Field(
        4, ge=1, le=256, description="Searches at once of all calls of EvaluateModels and FindDuplicates together."
    )

    @property
    def redis_access(self) -> RedisAccess:
        """What is shown to Redis and asked of it."""
        return RedisAccess(
            self.redis_username,
            self.redis_password.get_secret_value(),
            self.redis_sentinel_username,
            self.redis_sentinel_password.get_secret_value(),
            self.redis_tls_ca_file,
            self.redis_tls_cert_file,
            self.redis_tls_key_file,
            self.redis_tls_check_name,
        )

    fault_injection: bool = Field(False, description="Whether `failpoints` may be set: for tests, never for service.")
    failpoints: str = Field("", description="Faults to inject, such as `records.commit.before=kill`; empty for none.")

    @property
    def lite_file(self) -> Path | None:
        """The file of an embedded Milvus Lite, or None where `milvus_uri` is a server's address."""
        return None if "://" in self.milvus_uri else Path(self.milvus_uri)

    @field_validator("redis_url")
    @classmethod
    def _redis_url_is_one(cls, url: str) -> str:
        redis_address.parse(url)
        return url

    @field_validator("redis_tls_ca_file", "redis_tls_cert_file", "redis_tls_key_file")
    @classmethod
    def _file_is_there(cls, path: Path | None) -> Path | None:
        if path is not None and not path.is_file():
            raise ValueError("there is no such file")
        return path

    @model_validator(mode="after")
    def _replicas_answer_before_redis_counts_as_gone(self) -> Self:
        # A cluster's node has half of the time for its answer.
        if self.redis_replicas and self.redis_replica_seconds >= self.redis_timeout_seconds / 2:
            raise ValueError("redis_replica_seconds must be under half of redis_timeout_seconds")
        return self

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

    @model_validator(mode="after")
    def _faults_are_allowed(self) -> Self:
        if Failpoints(self.failpoints, FAILPOINTS) and not self.fault_injection:
            raise ValueError("failpoints are refused unless fault_injection is true")
        return self
