"""TLS of the server's ports: certificates from files, HTTP/2 and HTTP/1.1 on offer (triton.md §7)."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Final

from naiad.config.settings import Settings
from naiad.errors import ConfigError, UsageError

TLS_SETTINGS: Final = ("use_ssl", "use_ssl_mutual", "server_cert", "server_key", "root_cert")
"""Behind `http_` or `grpc_`."""


def tls_of(settings: Settings, service: str) -> ssl.SSLContext | None:
    """What a service's port needs to speak TLS; None when it speaks none.

    Args:
        settings: all of them.
        service: `http` or `grpc`, as the names of its settings begin.

    Raises:
        UsageError: a setting lacks another one.
        ConfigError: as `server_tls`.
    """
    use, mutual, certificate, key, root = (settings.values[f"{service}_{name}"] for name in TLS_SETTINGS)
    if mutual and not use:
        raise UsageError(f"--{service}-use-ssl-mutual needs --{service}-use-ssl")
    if not use:
        return None
    if not (certificate and key):
        raise UsageError(f"--{service}-use-ssl needs --{service}-server-cert and --{service}-server-key")
    if mutual and not root:
        raise UsageError(f"--{service}-use-ssl-mutual needs --{service}-root-cert")
    return server_tls(certificate, key, client_root=root if mutual else None)


def server_tls(certificate: str, key: str, *, client_root: str | None = None) -> ssl.SSLContext:
    """What a port needs to speak TLS.

    Args:
        certificate: a PEM file with the server's certificate and those above it.
        key: a PEM file with the certificate's private key.
        client_root: a PEM file with the authorities of clients' certificates, when clients need one.

    Raises:
        ConfigError: a file cannot be read, or does not hold what it should.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2", "http/1.1"])
    _check_readable(certificate, "certificate")
    _check_readable(key, "private key")
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except (ssl.SSLError, ValueError) as error:
        raise ConfigError(
            f"'{certificate}' and '{key}' are not a certificate and its private key in PEM: {_reason(error)}"
        ) from error
    if client_root is not None:
        _check_readable(client_root, "root certificate")
        try:
            context.load_verify_locations(client_root)
        except ssl.SSLError as error:
            raise ConfigError(f"'{client_root}' holds no certificate in PEM: {_reason(error)}") from error
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _check_readable(path: str, what: str) -> None:
    try:
        Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(f"unable to read the {what} '{path}': {error.strerror}") from error


def _no_password() -> str:
    # OpenSSL would ask the terminal, and a server would wait for ever.
    raise ValueError("the key is encrypted")


def _reason(error: Exception) -> str:
    return getattr(error, "reason", None) or str(error)
