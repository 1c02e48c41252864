"""Two-step login in a real browser: an authenticator app with and without scripts, and passkeys."""

import time

import pyotp
import pytest
from playwright.sync_api import expect

from tests.system.people import PASSWORD

from .steps import complaint, fill, log_in, log_out, says, send, titled

VIRTUAL = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
def authenticator():
    """Gives a page's browser a security key made of software (Chromium's own)."""

    def give(page, **but):
        session = page.context.new_cdp_session(page)
        session.send("WebAuthn.enable")
        made = session.send("WebAuthn.addVirtualAuthenticator", {"options": VIRTUAL | but})
        return session, made["authenticatorId"]

    return give


def test_an_authenticator_app_with_the_keyboard_alone(open_as, member, scripts):
    """Set up, log in with a code, then with a recovery code, then give it up."""
    wary = member("wary")
    page = open_as(wary, "/auth/second-factor")
    page.get_by_role("link", name="Set up an app").press("Enter")
    fill(page, password=PASSWORD)
    page.locator("[name=password]").press("Enter")
    expect(page.get_by_role("img", name="QR code with the key below")).to_be_visible()
    app = pyotp.TOTP(page.locator("#totp-secret").inner_text())
    send(page, code="nonsense")
    expect(complaint(page, "code")).to_contain_text("This code is not right")
    fill(page, code=app.at(time.time() - 30))
    page.locator("[name=code]").press("Enter")
    titled(page, "Recovery codes")
    codes = page.locator("#codes code").all_inner_texts()
    assert len(codes) == 10
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_text("10 codes left")).to_be_visible()
    log_out(page)
    log_in(page, wary.email)
    titled(page, "One more step")
    send(page, otp="nonsense")
    expect(complaint(page, "otp")).to_contain_text("This code is not right")
    send(page, otp=app.at(time.time()))
    titled(page, f"Hello, {wary.username}!")
    log_out(page)
    log_in(page, wary.email)
    send(page, otp=codes[0])
    titled(page, f"Hello, {wary.username}!")
    page.goto("/auth/second-factor/totp")
    send(page, password=PASSWORD)
    says(page, "The authenticator app has been removed.")
    log_out(page)
    log_in(page, wary.email)
    titled(page, f"Hello, {wary.username}!")


def add_passkey(page, name):
    page.goto("/auth/second-factor/passkeys")
    send(page, name=name, password=PASSWORD)
    page.get_by_role("button", name="Make the passkey").click()


def test_a_passkey_in_a_real_browser(desk, member, authenticator):
    keen = member("keen")
    page = desk.open("/auth/second-factor", keen)
    authenticator(page)
    add_passkey(page, "This laptop")
    titled(page, "Recovery codes")
    page.get_by_role("link", name="I have kept them").click()
    expect(page.locator(".session-agent")).to_have_text("This laptop")
    log_out(page)
    log_in(page, keen.email)
    titled(page, "One more step")
    page.get_by_role("button", name="Use a passkey").click()
    titled(page, f"Hello, {keen.username}!")
    page.goto("/auth/second-factor")
    expect(page.locator(".session .facts")).to_contain_text("last used")
    page.get_by_role("link", name="Remove This laptop").click()
    send(page, password=PASSWORD)
    says(page, "The passkey has been removed.")


def test_a_passkey_that_is_not_there_is_told_in_words(desk, member, authenticator):
    keen = member("keenest")
    page = desk.open("/auth/second-factor", keen)
    session, id = authenticator(page)
    add_passkey(page, "Lost soon")
    titled(page, "Recovery codes")
    code = page.locator("#codes code").first.inner_text()
    session.send("WebAuthn.clearCredentials", {"authenticatorId": id})
    session.send("WebAuthn.setUserVerified", {"authenticatorId": id, "isUserVerified": False})
    log_out(page)
    log_in(page, keen.email)
    page.evaluate("() => { navigator.credentials.get = async () => { throw new Error('not allowed'); }; }")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.locator(".passkey-said")).to_contain_text("That did not work")
    send(page, otp=code)
    titled(page, f"Hello, {keen.username}!")


def test_without_scripts_passkeys_say_what_to_do(desk, member):
    page = desk.open("/auth/second-factor/passkeys", member("plainly"), java_script_enabled=False)
    send(page, name="x", password=PASSWORD)
    expect(page.get_by_text("This needs JavaScript.")).to_be_visible()
    expect(page.get_by_role("button", name="Make the passkey")).to_be_hidden()


def test_the_log_of_what_was_done(open_as, member):
    page = open_as(member("reviewer"), "/auth/log")
    titled(page, "Activity")
    expect(page.locator("#log li").first).to_contain_text("Logged in")
    expect(page.locator("#log li").last).to_contain_text("Registered")
