"""WebAuthn (Level 3), by the library of that name: what browsers are asked, and whether it is good.

Whoever needs passkeys imports this module then: the library brings X.509 and CBOR with it, which no other
request, and no worker, has to load and keep in memory.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import webauthn
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, options_to_json
from webauthn.helpers.structs import PublicKeyCredentialDescriptor

from chassis.settings import settings

SITE = "Flasky"


class Made(NamedTuple):
    credential: str
    public_key: str
    sign_count: int


def creation_options(user: Mapping[str, Any], challenge: str, known: Iterable[str]) -> dict[str, Any]:
    """For `navigator.credentials.create`."""
    options = webauthn.generate_registration_options(
        rp_id=_host(),
        rp_name=SITE,
        user_name=user["username"],
        user_id=str(user["id"]).encode(),
        challenge=base64url_to_bytes(challenge),
        exclude_credentials=_descriptors(known),
    )
    return json.loads(options_to_json(options))


def request_options(challenge: str, known: Iterable[str]) -> dict[str, Any]:
    """For `navigator.credentials.get`."""
    options = webauthn.generate_authentication_options(
        rp_id=_host(), challenge=base64url_to_bytes(challenge), allow_credentials=_descriptors(known)
    )
    return json.loads(options_to_json(options))


def made(credential: dict[str, Any], challenge: str) -> Made | None:
    """The new passkey, if the browser's answer is good."""
    try:
        found = webauthn.verify_registration_response(
            credential=credential,
            expected_challenge=base64url_to_bytes(challenge),
            expected_rp_id=_host(),
            expected_origin=settings.public_url,
        )
    except Exception:  # whatever a stranger's bytes do to the parsers, they are not good
        return None
    key = bytes_to_base64url(found.credential_public_key)
    return Made(bytes_to_base64url(found.credential_id), key, found.sign_count)


def shown(credential: dict[str, Any], challenge: str, public_key: str, sign_count: int) -> int | None:
    """The new count of uses, if the browser's answer is good; one that goes backwards means a copy."""
    try:
        found = webauthn.verify_authentication_response(
            credential=credential,
            expected_challenge=base64url_to_bytes(challenge),
            expected_rp_id=_host(),
            expected_origin=settings.public_url,
            credential_public_key=base64url_to_bytes(public_key),
            credential_current_sign_count=sign_count,
        )
    except Exception:  # as above
        return None
    return found.new_sign_count


def _host() -> str:
    return urlsplit(settings.public_url).hostname or ""


def _descriptors(known: Iterable[str]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=base64url_to_bytes(credential)) for credential in known]
