"""Floods of mails are held off, for one account and for one address."""

from .states import email_of

RESET, CONFIRMATION, EMAIL = "/api/v1/users/reset", "/api/v1/users/me/confirmation", "/api/v1/users/me/email"
PASSWORD = "susan likes flasks"


def test_five_reset_mails_an_hour_for_an_address_and_the_answer_is_always_the_same(auth):
    auth.person("susan")
    before = len(auth.mails(email_of("susan")))
    answers = [auth.anonymous().post(RESET, json={"email": " SUSAN@example.com "}) for _ in range(8)]
    unknown = [auth.anonymous().post(RESET, json={"email": "nobody@example.com"}) for _ in range(8)]
    assert {(one.status_code, one.data) for one in answers + unknown} == {(202, b"")}
    assert len(auth.mails(email_of("susan"))) - before == 5


def test_five_confirmation_mails_an_hour(auth):
    auth.newcomer("susan")
    susan = auth.in_browser("susan")
    answers = [susan.post(CONFIRMATION) for _ in range(6)]
    assert [one.status_code for one in answers] == [202] * 5 + [429]
    assert 3500 < int(answers[5].headers["Retry-After"]) <= 3601
    assert len(auth.mails(email_of("susan"))) == 6


def test_a_new_address_is_not_flooded_nor_many_of_them(auth, settings_of):
    for name in ("susan", "john"):
        auth.person(name)
    settings_of(mails_per_hour=2)
    susan, john = auth.in_browser("susan"), auth.in_browser("john")

    def proposed(client, to, password):
        return client.post(EMAIL, json={"email": to, "password": password}).status_code

    victim = "victim@example.com"
    assert [proposed(susan, victim, PASSWORD) for _ in range(3)] == [202, 202, 429]
    assert proposed(john, victim, "john likes flasks") == 429
    assert proposed(susan, "other@example.com", PASSWORD) == 429
    assert proposed(john, "other@example.com", "john likes flasks") == 202
    assert len(auth.mails(victim)) == 2


def test_after_an_hour_mails_go_on(auth):
    auth.newcomer("susan")
    susan = auth.in_browser("susan")
    for _ in range(6):
        susan.post(CONFIRMATION)
    auth.change("UPDATE guesses SET moments = '1000000000.0 1000000001.0' WHERE key LIKE 'mail:%'")
    assert susan.post(CONFIRMATION).status_code == 202
