"""Signing keys: published before they sign, and until nothing they signed is good."""

import errno
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jwt
import pytest

from auth.keys import AHEAD, LONGEST_TOKEN, MARGIN, Keyring
from chassis.problems import Unavailable

from .states import Auth


def kids(auth: Auth) -> list[str]:
    return [key["kid"] for key in auth.anonymous().get("/.well-known/jwks.json").json["keys"]]


def signer_of(token: str) -> str:
    return jwt.get_unverified_header(token)["kid"]


def age(ring: Keyring, seconds: float) -> None:
    """All keys were made so much earlier."""
    for path in ring.folder.glob("*.pem"):
        made = time.strptime(path.name[:15], "%Y%m%dT%H%M%S")
        shifted = time.strftime("%Y%m%dT%H%M%S", time.gmtime(time.mktime(made) - time.timezone - seconds))
        path.rename(path.with_name(shifted + path.name[15:]))
    ring.look_again()


@pytest.fixture
def ring(auth):
    return auth.app.extensions["keyring"]


def test_the_published_keys_are_public_ones_and_kept_only_shortly(auth):
    answer = auth.anonymous().get("/.well-known/jwks.json")
    [key] = answer.json["keys"]
    assert answer.headers["Cache-Control"] == "public, max-age=1"
    assert set(key) == {"kid", "kty", "crv", "x", "alg", "use"}
    assert (key["kty"], key["crv"], key["alg"]) == ("OKP", "Ed25519", "EdDSA")


def test_whoever_has_the_keys_is_only_told_that_nothing_has_changed(auth):
    first = auth.anonymous().get("/.well-known/jwks.json")
    had = {"If-None-Match": first.headers["ETag"]}
    assert auth.anonymous().get("/.well-known/jwks.json", headers=had).status_code == 304
    auth.flask("keys", "rotate")
    changed = auth.anonymous().get("/.well-known/jwks.json", headers=had)
    assert (changed.status_code, len(changed.json["keys"])) == (200, 2)


def test_a_new_key_is_published_before_it_signs(auth, ring):
    auth.newcomer("susan")
    [old] = kids(auth)
    new = auth.flask("keys", "rotate").output.strip()
    assert kids(auth) == [old, new]
    assert signer_of(auth.by_password("susan").json["token"]) == old
    assert ring.signing(time.time() + AHEAD + 1).kid == new


def test_an_old_key_is_published_until_its_tokens_have_expired(auth, ring):
    old, new = ring.make(), ring.make()
    first = ring.published()[0].kid
    end = time.time() + AHEAD + LONGEST_TOKEN + MARGIN
    assert [key.kid for key in ring.published(end - 5)] == [first, old, new]
    assert [key.kid for key in ring.published(end + 5)] == [new]
    assert ring.signing(end + 5).kid == new


def test_what_the_old_key_signed_is_good_after_the_change(auth, ring):
    auth.person("susan")
    before = auth.tokens("susan")["token"]
    auth.flask("keys", "rotate")
    age(ring, AHEAD + 5)
    old, new = ring.published()
    signed = auth.by_password("susan").json["token"]
    assert signer_of(signed) == new.kid
    assert auth.with_token(signed).get("/api/v1/users/me").status_code == 200
    assert signer_of(before) not in (old.kid, new.kid)  # the test renamed it


def test_rotating_removes_keys_that_are_over(auth, ring):
    auth.flask("keys", "rotate")
    age(ring, AHEAD + LONGEST_TOKEN + MARGIN + 5)
    auth.flask("keys", "rotate")
    assert len(list(ring.folder.glob("*.pem"))) == 2


def test_a_revoked_key_speaks_for_nobody_and_another_signs(auth, ring):
    auth.person("susan")
    token = auth.tokens("susan")["token"]
    [old] = kids(auth)
    done = auth.flask("keys", "revoke", old)
    [new] = kids(auth)
    assert (done.exit_code, done.output) == (0, f"{old} is revoked\n")
    assert new != old
    assert auth.with_token(token).get("/api/v1/users/me").status_code == 401
    assert auth.exchange(kind="token", token=token).status_code == 401
    assert auth.signed_in("susan").get("/api/v1/users/me").status_code == 200


def test_revoking_an_unknown_key(auth):
    refused = auth.flask("keys", "revoke", "../../etc/passwd")
    assert refused.exit_code == 1
    assert "there is no key" in refused.output


def test_the_list_says_what_each_key_does(auth, ring):
    ring.make()
    age(ring, AHEAD + 5)
    third = ring.make()
    lines = [line.split("\t") for line in auth.flask("keys", "list").output.splitlines()]
    assert [state.split(" ")[0] for _, state in lines] == ["verifies", "signs", "signs"]
    assert lines[2][0] == third
    assert lines[2][1].startswith("signs from 20")


def test_another_process_takes_over_new_keys_without_restart(auth, ring):
    other = Keyring(ring.folder)
    assert other.known
    generation = other.generation
    kid = ring.make()
    other._looked -= 2.0
    other.keep_fresh()
    assert other.key(kid) is not None
    assert other.key("unknown") is None
    assert other.generation == generation + 1


def test_many_who_make_keys_at_once(tmp_path):
    rings = [Keyring(tmp_path / "keys") for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        made = set(pool.map(lambda ring: ring.make(), rings))
    assert {key.kid for key in Keyring(tmp_path / "keys").published()} == made
    assert len({ring.signing().kid for ring in rings if not ring.look_again()}) == 1


def test_keys_are_for_our_eyes_only(tmp_path):
    kid = Keyring(tmp_path / "keys").make()
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "keys" / f"{kid}.pem").stat().st_mode & 0o777 == 0o600


def test_without_any_key_nobody_is_recognised_and_nobody_can_sign(auth, ring):
    auth.newcomer("susan")
    susan = auth.signed_in("susan")
    for path in ring.folder.glob("*.pem"):
        path.unlink()
    ring.look_again()
    assert susan.get("/api/v1/users/me").status_code == 503
    assert auth.by_password("susan").status_code == 503
    with pytest.raises(Unavailable):
        ring.signing()


def test_that_there_is_no_key_is_told_once_however_many_ask(tmp_path, caplog):
    ring = Keyring(tmp_path)
    caplog.set_level("ERROR")
    for _ in range(2):
        for _ in range(3):
            ring.keep_fresh()
        kid = ring.make()
        ring.keep_fresh()
        ring.remove(kid)
    assert [record.getMessage() for record in caplog.records] == ["nothing can be signed or verified"] * 2


def test_a_key_with_a_name_of_its_own_counts_as_the_oldest_by_time(tmp_path, ring):
    mine = Keyring(tmp_path / "mine")
    kid = mine.make()
    (mine.folder / f"{kid}.pem").rename(mine.folder / "zz-by-hand.pem")
    mine.look_again()
    assert mine.signing().kid == "zz-by-hand"


def test_a_file_that_is_no_such_key_is_told_at_the_start_and_does_no_harm_later(tmp_path, caplog):
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

    text = generate_private_key(SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    ring = Keyring(tmp_path)
    ring.check()
    kid = ring.make()
    caplog.set_level("ERROR")
    for name, content in (("20200101T000000.000000-abcd.pem", text), ("mine.pem", b"-----BEGIN NONSENSE")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=f"{name} is not an Ed25519 key"):
            ring.check()
        for _ in range(2):
            ring.look_again()
            assert [key.kid for key in ring.published()] == [kid]
        (tmp_path / name).unlink()
    assert [record.getMessage() for record in caplog.records] == ["a signing key cannot be used"] * 2


def test_a_file_that_goes_while_it_is_looked_at(tmp_path, monkeypatch):
    ring = Keyring(tmp_path)
    ring.make()
    monkeypatch.setattr("pathlib.Path.read_bytes", lambda path: (_ for _ in ()).throw(FileNotFoundError))
    assert ring.published() == []


def test_prepare_makes_the_first_key_only_once(auth, ring):
    from auth.keys import make_first

    with auth.app.app_context():
        make_first()
    assert len(ring.published()) == 1


@pytest.fixture
def mounted(monkeypatch):
    """As a secret of the cluster is: nobody can remove what is in it."""

    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(Path, "unlink", refuse)


def test_a_key_that_cannot_be_removed_is_said_to_stay_good(auth, ring, mounted):
    [kid] = kids(auth)
    said = auth.flask("keys", "revoke", kid)
    assert said.exit_code == 1
    assert said.output.startswith(f"Error: auth: {kid} cannot be removed from KEYS_DIR, and so stays good: ")
    assert said.output.count("\n") == 1
    assert kids(auth) == [kid]


def test_a_rotation_says_in_one_line_that_nothing_can_be_removed(auth, ring, mounted):
    ring.make()
    age(ring, AHEAD + LONGEST_TOKEN + MARGIN + 5)
    ring.make()
    said = auth.flask("keys", "rotate")
    assert (said.exit_code, said.output.count("\n")) == (1, 1)
    assert "Read-only file system" in said.output
