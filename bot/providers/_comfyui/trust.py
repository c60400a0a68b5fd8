"""Which certificates servers may have, and what is wrong with one that isn't trusted."""

import ssl
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import httpx

from bot.files.fetch import tls
from bot.settings import BadSetting

__all__ = ["Distrust", "distrusted", "trusting"]

#: OpenSSL's codes of `x509_vfy.h`.
_NOT_YET, _EXPIRED, _OTHER_NAME, _OTHER_ADDRESS = 9, 10, 62, 64


def trusting(file: Path | None) -> ssl.SSLContext:
    """Trust what browsers do, and the certificates in *file* (PEM): of a private CA, or of the
    servers themselves. Names are checked all the same. Raises `BadSetting`."""
    if file is None:
        return tls()
    context = httpx.create_ssl_context(trust_env=False)  # not the one that other hosts are held to
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(cafile=file)
    except ssl.SSLError:
        raise BadSetting(
            f"COMFYUI_CA_FILE can't be used: {file} holds no certificate. It must be a PEM file, "
            "with -----BEGIN CERTIFICATE-----."
        ) from None
    except OSError as error:
        raise BadSetting(
            f"COMFYUI_CA_FILE can't be used: {file} can't be read ({error.strerror})."
        ) from None
    return context


@dataclass(frozen=True, slots=True, kw_only=True)
class Distrust:
    """Why no https connection came about, and what its operator can do."""

    why: str
    mend: str


def distrusted(error: BaseException) -> Distrust | None:
    """What is wrong with a server's certificate; None where that is not what went wrong."""
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        return Distrust(
            why="it doesn't answer in https",
            mend="write http:// in COMFYUI_URLS, or set up https there",
        )
    if not isinstance(error, aiohttp.ClientConnectorCertificateError):
        return None
    found = error.certificate_error
    code = getattr(found, "verify_code", None)
    if code in (_NOT_YET, _EXPIRED):
        when = "has expired" if code == _EXPIRED else "is not valid yet"
        return Distrust(
            why=f"its certificate {when}", mend="renew it, and check the clocks of both machines"
        )
    if code in (_OTHER_NAME, _OTHER_ADDRESS):
        return Distrust(
            why="its certificate is for another name",
            mend="write the name that stands in the certificate in COMFYUI_URLS",
        )
    said = getattr(found, "verify_message", "")
    return Distrust(
        why=f"its certificate isn't trusted{f' ({said})' if said else ''}",
        mend="name the file of its CA, or of the certificate itself, in COMFYUI_CA_FILE",
    )
