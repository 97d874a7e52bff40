"""How the program reaches the server behind it: in the clear or over TLS, and back again soon after a breakdown."""

import json
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import grpc

# Behind one name may stand many servers. Each has calls in turn, but for those that say they do not serve.
# Source: https://github.com/grpc/proposal/blob/master/A17-client-side-health-checking.md
SERVICE_CONFIG: Final = json.dumps(
    {"loadBalancingConfig": [{"round_robin": {}}], "healthCheckConfig": {"serviceName": ""}}
)
# Source: https://github.com/grpc/grpc/blob/master/include/grpc/impl/channel_arg_names.h
CHANNEL_OPTIONS: Final = (
    # The default of gRPC is 4 MiB each way; the gateway bounds bodies itself.
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # The default waits up to two minutes between attempts, during which a server that is back again gets no calls.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    # The default waits 30 s before a name is looked up again, in which a server that replaces another is not found.
    ("grpc.dns_min_time_between_resolutions_ms", 1000),
    # Else a gateway that nobody has asked for half an hour is not connected, which looks like a server that is away.
    ("grpc.client_idle_timeout_ms", 2**31 - 1),
    ("grpc.service_config", SERVICE_CONFIG),
)


class CertificateUnusable(Exception):
    """A certificate or key cannot be used; the message names the file."""


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Where the server is, and what is needed to talk to it."""

    target: str
    """HOST:PORT, or unix:PATH."""
    credentials: grpc.ChannelCredentials | None = None
    """None: no TLS."""

    def open(self) -> grpc.aio.Channel:
        """A channel for calls. Connects with the first one."""
        if self.credentials is None:
            return grpc.aio.insecure_channel(self.target, options=CHANNEL_OPTIONS)
        return grpc.aio.secure_channel(self.target, self.credentials, options=CHANNEL_OPTIONS)

    def open_blocking(self) -> grpc.Channel:
        """The same for code that blocks."""
        if self.credentials is None:
            return grpc.insecure_channel(self.target, options=CHANNEL_OPTIONS)
        return grpc.secure_channel(self.target, self.credentials, options=CHANNEL_OPTIONS)


def tls_credentials(authorities: Path | None, certificate: Path | None, key: Path | None) -> grpc.ChannelCredentials:
    """Credentials for a server whose certificate one of `authorities` has signed; None for those gRPC knows by itself.

    `certificate` and `key` are shown to a server that asks who we are. All files are PEM.

    Raises:
        CertificateUnusable: a file cannot be read or is no PEM of its kind.
    """
    if authorities is not None:
        check_authorities(authorities)
    if certificate is not None and key is not None:
        check_pair(certificate, key)
    return grpc.ssl_channel_credentials(
        root_certificates=authorities.read_bytes() if authorities is not None else None,
        private_key=key.read_bytes() if key is not None else None,
        certificate_chain=certificate.read_bytes() if certificate is not None else None,
    )


def check_authorities(file: Path) -> None:
    """Raise CertificateUnusable unless `file` has certificates. gRPC would find out at the first call."""
    try:
        ssl.create_default_context(cafile=file)
    except ssl.SSLError as error:
        raise CertificateUnusable(f"{file} has no certificates in PEM form") from error
    except OSError as error:
        raise CertificateUnusable(f"{file} cannot be read: {error.strerror}") from error


def check_pair(certificate: Path, key: Path) -> None:
    """Raise CertificateUnusable unless the files are a certificate and its key."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except ssl.SSLError as error:
        raise CertificateUnusable(f"{certificate} and {key} are no certificate in PEM form and its key") from error
    except OSError as error:
        raise CertificateUnusable(f"{certificate} or {key} cannot be read: {error.strerror}") from error
