"""Mail: written with its cause, sent by the worker, and nothing left of its link."""

import email
import email.policy
import threading
from datetime import timedelta
from secrets import token_urlsafe

import pytest

from auth.app import Settings
from auth.commands.mails import WAITS
from auth.mailer import Smtp
from chassis.events import now

from .states import email_of, link_in

LONG_AGO = "2020-01-01 00:00:00+00:00"


def ago(**much) -> str:
    return f"{now() - timedelta(**much):%Y-%m-%d %H:%M:%S+00:00}"


def parts(message):
    parsed = email.message_from_bytes(bytes(message), policy=email.policy.default)
    return parsed, parsed.get_body(("plain",)).get_content(), parsed.get_body(("html",)).get_content()


@pytest.fixture
def by_smtp(sink, settings_of):
    settings_of(mail_server="127.0.0.1", mail_port=sink.port, mail_use_tls=False)
    return sink


def due(auth):
    auth.change("UPDATE mails SET next_try_at = :at WHERE next_try_at IS NOT NULL", at=LONG_AGO)


def test_a_mail_has_a_text_and_its_html_twin(auth, by_smtp):
    auth.newcomer("susan")
    auth.deliver()
    [message] = by_smtp.received
    whole, text, html = parts(message)
    token = link_in(text)
    assert (whole["Subject"], whole["To"]) == ("[Flasky] Confirm Your Account", "susan@example.com")
    assert (whole["From"], whole["Auto-Submitted"]) == ("Flasky Admin <flasky@example.com>", "auto-generated")
    assert whole["Message-ID"] == "<mail-1@example.com>"
    for body in (text, html):
        assert f"http://localhost:8000/auth/confirm/{token}" in body
        assert "Dear susan," in body
        assert "The Flasky Team" in body
        assert "replies to this e-mail address are not read" in body
    assert "<a href=" in html
    assert "<" not in text
    assert auth.anonymous().post("/api/v1/users/confirm", json={"token": token}).status_code == 200


def test_once_sent_a_mail_is_empty_and_not_sent_again(auth, by_smtp):
    auth.newcomer("susan")
    [before] = auth.rows("mails")
    auth.deliver()
    auth.deliver()
    [after] = auth.rows("mails")
    assert link_in(before["text"])
    assert (after["state"], after["text"], after["html"], after["tries"]) == ("sent", "", "", 1)
    assert after["sent_at"] is not None
    assert len(by_smtp.received) == 1
    assert link_in(before["text"]) not in str(auth.rows("mail_tokens"))


def test_the_other_mails(auth, by_smtp, settings_of):
    settings_of(mail_subject_prefix="[Blog] ", public_url="https://blog.example")
    auth.newcomer("susan")
    auth.deliver()
    token = link_in(parts(by_smtp.received.pop())[1])
    auth.anonymous().post("/api/v1/users/confirm", json={"token": token})
    auth.anonymous().post("/api/v1/users/reset", json={"email": email_of("susan")})
    sent = {"email": "new@example.com", "password": "susan likes flasks"}
    auth.signed_in("susan").post("/api/v1/users/me/email", json=sent)
    auth.deliver()
    found = {str(parts(message)[0]["To"]): parts(message) for message in by_smtp.received}
    reset, change = found["susan@example.com"], found["new@example.com"]
    assert reset[0]["Subject"] == "[Blog] Reset Your Password"
    assert change[0]["Subject"] == "[Blog] Confirm Your New E-Mail Address"
    assert "https://blog.example/auth/reset/" in reset[1]
    assert "https://blog.example/auth/change-email/" in change[1]
    assert "https://blog.example/auth/reset/" in reset[2]


def test_without_a_server_mails_go_into_files(auth):
    auth.newcomer("susan")
    auth.deliver()
    folder = auth.app.extensions["settings"].data / "mail"
    [path] = folder.iterdir()
    assert path.suffix == ".eml"
    assert parts(email.message_from_bytes(path.read_bytes()))[0]["To"] == "susan@example.com"


def test_signing_in_to_the_mail_server(auth, by_smtp, settings_of):
    settings_of(mail_username="flasky", mail_password="open sesame")
    auth.newcomer("susan")
    auth.deliver()
    assert by_smtp.logins == [("flasky", "open sesame")]
    assert len(by_smtp.received) == 1


def test_tls_is_used_when_it_is_set_and_nothing_goes_without(auth, by_smtp, settings_of):
    settings_of(mail_use_tls=True)
    auth.newcomer("susan")
    auth.deliver()
    [mail] = auth.rows("mails")
    assert (by_smtp.received, mail["state"]) == ([], "queued")
    assert mail["error"].startswith("SMTPNotSupportedError")


def test_a_mail_that_could_not_be_sent_is_tried_again_after_growing_waits(auth, sink, settings_of):
    settings_of(mail_server="127.0.0.1", mail_port=1, mail_use_tls=False)
    auth.newcomer("susan")
    for tries in range(1, len(WAITS) + 1):
        auth.deliver()
        [mail] = auth.rows("mails")
        assert (mail["state"], mail["tries"]) == ("queued", tries)
        assert mail["error"].startswith("ConnectionRefusedError")
        auth.deliver()
        assert auth.rows("mails") == [mail]
        due(auth)
    auth.deliver()
    [mail] = auth.rows("mails")
    assert (mail["state"], mail["tries"], mail["text"], mail["next_try_at"]) == ("failed", 8, "", None)
    assert sorted(WAITS) == list(WAITS)
    assert sum(WAITS) < 3600


def test_a_mail_goes_out_when_the_server_is_back(auth, by_smtp):
    by_smtp.answers.append("451 Try again later")
    auth.newcomer("susan")
    auth.deliver()
    assert auth.rows("mails")[0]["state"] == "queued"
    due(auth)
    auth.deliver()
    assert (auth.rows("mails")[0]["state"], auth.rows("mails")[0]["error"]) == ("sent", None)
    assert len(by_smtp.received) == 1


def test_an_address_that_is_refused_is_given_up_at_once(auth, by_smtp):
    by_smtp.answers.append("550 No such user here")
    auth.newcomer("susan")
    auth.deliver()
    [mail] = auth.rows("mails")
    assert (mail["state"], mail["tries"]) == ("failed", 1)
    assert "No such user" in mail["error"]


def test_two_workers_send_no_mail_twice(auth, by_smtp):
    for n in range(6):
        auth.newcomer(f"person{n}")
    workers = [threading.Thread(target=auth.deliver) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    auth.deliver()
    assert sorted(str(message["To"]) for message in by_smtp.received) == [
        f"person{n}@example.com" for n in range(6)
    ]


def test_a_mail_whose_sender_died_is_sent_by_another(auth, by_smtp):
    from auth.commands import claim_mail

    auth.newcomer("susan")
    with auth.app.app_context():
        assert claim_mail().to == "susan@example.com"
    auth.deliver()
    assert by_smtp.received == []
    due(auth)
    auth.deliver()
    assert len(by_smtp.received) == 1


def test_a_server_that_speaks_too_slowly_is_left(sink):
    server = Smtp("127.0.0.1", sink.port)
    server._until = 0.0
    with pytest.raises(TimeoutError, match="too slow"):
        server.ehlo()
    server.close()


def test_a_mail_that_was_taken_is_sent_even_if_the_goodbye_fails(auth, by_smtp, monkeypatch):
    def goodbye(_):
        raise TimeoutError

    monkeypatch.setattr("auth.mailer.Smtp.quit", goodbye)
    auth.newcomer("susan")
    auth.deliver()
    assert auth.rows("mails")[0]["state"] == "sent"


def test_nothing_waits_and_nothing_is_locked(auth):
    assert auth.statements(auth.deliver) == 2


def test_how_the_mail_fares_is_measured(auth, settings_of):
    settings_of(mail_server="127.0.0.1", mail_port=1, mail_use_tls=False)
    auth.newcomer("susan")
    auth.change("UPDATE mails SET created_at = :at", at=LONG_AGO)
    waiting = auth.anonymous().get("/metrics").text
    auth.change("UPDATE mails SET state = 'failed', created_at = :at", at=ago(hours=1))
    failed = auth.anonymous().get("/metrics").text
    auth.change("UPDATE mails SET created_at = :at", at=ago(hours=3))
    forgotten = auth.anonymous().get("/metrics").text
    age = float(waiting.split("\nmails_oldest_queued_age_seconds ")[1].split("\n")[0])
    assert age > 3600
    assert "\nmails_failed 0.0" in waiting
    assert "\nmails_failed 1.0" in failed
    assert "\nmails_failed 0.0" in forgotten, "one bad address is no trouble for as long as its row is kept"
    assert "\nmails_oldest_queued_age_seconds 0.0" in failed


def test_without_its_table_the_measures_are_left_out(auth):
    auth.change("UPDATE alembic_version SET version_num = version_num")
    db = auth.app.extensions["sqlalchemy"]
    with auth.app.app_context(), db.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE mails RENAME TO elsewhere")
    text = auth.anonymous().get("/metrics").text
    assert "mails_failed" not in text
    assert "database_up 1.0" in text


def test_production_sends_no_password_in_the_clear():
    strong = {name: token_urlsafe(32) for name in ("secret_key", "internal_secret")}
    secrets = {"environment": "production"} | strong
    with pytest.raises(ValueError, match="MAIL_USE_TLS is off"):
        Settings(**secrets, mail_username="flasky", mail_use_tls=False)
    assert Settings(**secrets, mail_username="flasky").mail_use_tls
    assert not Settings(**secrets, mail_use_tls=False).mail_username


def test_an_address_that_a_header_would_read_as_another_is_refused(auth):
    for local in ("=?utf-8?q?victim?=", "=?utf-8?q?=0a?=", "=?utf-8?q?x=40evil.test=2cy?="):
        answer = auth.register("ann", email=f"{local}@corp.example")
        assert (answer.status_code, answer.json["errors"][0]["field"]) == (400, "email")


def test_a_mail_that_cannot_be_written_does_not_hold_up_the_others(auth, by_smtp):
    auth.newcomer("susan")
    auth.change("UPDATE mails SET \"to\" = '=?utf-8?q??=@example.com'")
    auth.newcomer("john")
    auth.deliver()
    first, second = auth.rows("mails")
    assert (first["state"], second["state"]) == ("failed", "sent")
    assert [message["To"] for message in by_smtp.received] == ["john@example.com"]


def test_an_address_that_grows_in_small_letters_is_nobody_s(auth):
    answer = auth.anonymous().post("/api/v1/users/reset", json={"email": "İ" * 200})
    assert answer.status_code == 202
    auth.deliver()
    assert auth.rows("mails") == []
