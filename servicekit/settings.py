"""Settings that every server has, read from the environment once."""

import os
from typing import Literal, Self, TypeVar

from pydantic import Field, FilePath, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

MAX_CALLERS_MESSAGE_BYTES = 32 * 1024 * 1024
# What a caller's message can become on its way to the next service is larger than itself: by hashes and by vectors.
MAX_PASSED_ON_MESSAGE_BYTES = MAX_CALLERS_MESSAGE_BYTES + 8 * 1024 * 1024


class ServerSettings(BaseSettings):
    """How a server listens, how much it takes on and how it stops. A service subclasses it with a prefix and ports."""

    model_config = SettingsConfigDict(frozen=True)

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(0, ge=0, le=65535, description="Port of the service; 0 picks a free one.")
    health_port: int = Field(0, ge=0, le=65535, description="Plaintext port for grpc.health.v1; 0 picks a free one.")
    metrics_port: int = Field(0, ge=0, le=65535, description="Plaintext port for Prometheus; 0 picks a free one.")
    tls_cert_file: FilePath | None = Field(
        None, description="PEM file of the server's certificate and those between it and its root; empty for no TLS."
    )
    tls_key_file: FilePath | None = Field(None, description="PEM file of that certificate's key.")
    tls_client_ca_file: FilePath | None = Field(
        None, description="PEM file of authorities; only callers with a certificate of one of them are then let in."
    )
    tokens_file: FilePath | None = Field(
        None,
        description="TOML file of bearer tokens with their roles, one of which every call needs: docs/security.md.",
    )
    reload_seconds: float = Field(
        5.0,
        gt=0,
        le=15,
        description="Time between two looks at those files, in seconds; what has changed counts at the second look.",
    )
    reflection: bool | None = Field(
        None,
        description="Whether anybody may ask the server for its descriptors; empty: unless certificates or tokens are "
        "asked for.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least level that is logged.")
    max_in_flight: int = Field(64, ge=1, description="Calls served at once; more are refused with OVERLOADED.")
    max_streams: int = Field(
        16, ge=1, description="Streams among them served at once, so that they leave places for other calls."
    )
    max_message_bytes: int = Field(
        MAX_CALLERS_MESSAGE_BYTES,
        ge=1024 * 1024,
        lt=2**30,
        description="Largest request, in bytes; up to twice that it is refused with MESSAGE_TOO_LARGE.",
    )
    default_deadline_seconds: float = Field(
        10.0, gt=0, le=600, description="Time for a call whose caller set no deadline, in seconds; none for a stream."
    )
    max_connection_age_seconds: float = Field(
        45.0,
        gt=0,
        le=86_400,
        description="Age, give or take a tenth, at which callers are told to connect anew, and so find new servers and "
        "certificates, in seconds; calls under way end as they would.",
    )
    drain_seconds: float = Field(
        5.0, ge=0, description="Time between NOT_SERVING and refusing new calls, for balancers to notice, in seconds."
    )
    grace_seconds: float = Field(20.0, ge=0, description="Time for calls in flight to end after that, in seconds.")
    health_interval_seconds: float = Field(
        1.0, gt=0, description="Time between two looks at the parts this server needs, in seconds."
    )

    @model_validator(mode="after")
    def _whole_identity(self) -> Self:
        if (self.tls_cert_file is None) != (self.tls_key_file is None):
            raise ValueError("tls_cert_file and tls_key_file go together")
        if self.tls_client_ca_file and not self.tls_cert_file:
            raise ValueError("tls_client_ca_file needs tls_cert_file")
        return self

    @property
    def reflects(self) -> bool:
        """Whether the server answers reflection."""
        closed = self.tokens_file or self.tls_client_ca_file
        return not closed if self.reflection is None else self.reflection

    @property
    def transport_message_bytes(self) -> int:
        """Beyond this, gRPC itself ends a call, with a bare RESOURCE_EXHAUSTED: up to it, our own error says why."""
        return 2 * self.max_message_bytes


Settings = TypeVar("Settings", bound=BaseSettings)


def load(kind: type[Settings]) -> Settings:
    """Return the settings that the environment describes.

    Raises:
        SystemExit: with every problem, one a line: a value that breaks its rule, or a name with the right prefix that
            no setting has.
    """
    prefix = str(kind.model_config["env_prefix"]).upper()
    names = {f"{prefix}{field}".upper() for field in kind.model_fields}
    given = {name.upper() for name in os.environ}
    problems = [f"{name}: no such setting" for name in sorted(given - names) if name.startswith(prefix)]
    try:
        settings = kind()
    except ValidationError as error:
        problems += [f"{prefix}{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors()]
    except SettingsError as error:
        problems.append(str(error))
    if problems:
        raise SystemExit("\n".join(problems))
    return settings
