"""TLS of a server: its certificate, and the authorities whose certificates callers must show."""

from typing import Any

import grpc

from servicekit.certificates import Certificates
from servicekit.watched import Watched


def server_credentials(watched: Watched[Certificates]) -> grpc.ServerCredentials:
    """Return credentials with which every new connection gets the certificates that are in force then.

    With `authorities`, only callers with a certificate of one of them are let in.
    """
    served = [watched.value]

    def renewed() -> grpc.ServerCertificateConfiguration | None:
        # Called at every handshake, on a thread of gRPC's own.
        if watched.value is served[0]:
            return None
        served[0] = watched.value
        return _configuration(served[0])

    mutual = served[0].authorities is not None
    fetch: Any = renewed  # None means that nothing has changed, which types-grpcio does not know.
    return grpc.dynamic_ssl_server_credentials(_configuration(served[0]), fetch, require_client_authentication=mutual)


def channel_credentials(certificates: Certificates) -> grpc.ChannelCredentials:
    """Return credentials for a channel to another service; without authorities, gRPC's own are trusted."""
    return grpc.ssl_channel_credentials(certificates.authorities, certificates.key, certificates.chain)


def _configuration(certificates: Certificates) -> grpc.ServerCertificateConfiguration:
    pair = (certificates.key or b"", certificates.chain or b"")
    return grpc.ssl_server_certificate_configuration([pair], root_certificates=certificates.authorities)
