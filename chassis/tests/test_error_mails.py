"""Errors of level ERROR are mailed, named by service, and never too many."""

import logging

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message

from chassis import error_mails
from chassis.logs import JsonLines
from chassis.settings import Settings
from chassis.testing.parts import free_port
from chassis.testing.polling import eventually


class Mailbox(Message):
    def __init__(self):
        super().__init__()
        self.mails = []

    def handle_message(self, message):
        self.mails.append(message)


@pytest.fixture
def sink():
    mailbox = Mailbox()
    controller = Controller(mailbox, hostname="127.0.0.1", port=free_port())
    controller.start()
    mailbox.port = controller.port
    yield mailbox
    controller.stop()


@pytest.fixture
def told(sink):
    """A handler of a service that mails to the sink."""

    def make(**settings):
        common = {"mail_server": "127.0.0.1", "mail_port": sink.port, "mail_use_tls": False}
        known = Settings(**common, admin="root@example.com", mail_subject_prefix="[Shop]", **settings)
        handler = error_mails.ErrorMails("shop", known)
        handler.setFormatter(JsonLines("shop"))
        return handler

    return make


def record(line, message="it broke"):
    return logging.LogRecord("shop", logging.ERROR, "shop.py", line, message, (), None)


def test_an_error_is_mailed_with_the_name_of_its_service(sink, told):
    told().handle(record(1))
    [mail] = eventually(lambda: sink.mails)
    assert (mail["Subject"], mail["To"]) == ("[Shop] Application Error in shop", "root@example.com")
    assert '"message":"it broke"' in mail.get_payload()


def test_the_same_place_is_told_once_and_the_next_mail_says_how_often_it_came(sink, told):
    handler = told()
    for _ in range(5):
        handler.handle(record(1))
    handler.handle(record(2, "another"))
    eventually(lambda: len(sink.mails) == 2)
    assert "4 more errors were not mailed" in sink.mails[1].get_payload()


def test_no_more_than_a_few_in_an_hour(sink, told):
    handler = told(error_mails_per_hour=2)
    for line in range(20):
        handler.handle(record(line))
    eventually(lambda: len(sink.mails) == 2)
    assert handler._left_out == 18


def test_a_mail_that_cannot_be_sent_keeps_none_after_it(told, sink):
    handler = told()
    assert handler.level == logging.ERROR
    handler._settings.mail_server = "unknown.invalid"
    handler.handle(record(3, "lost"))
    eventually(handler._waiting.empty)
    handler._settings.mail_server = "127.0.0.1"
    handler.handle(record(4, "the second"))
    eventually(lambda: any("the second" in mail.get_payload() for mail in sink.mails))


def test_without_a_mail_server_or_somebody_to_tell_there_are_no_mails():
    before = list(logging.getLogger().handlers)
    error_mails.install("shop", Settings(admin="root@example.com"), None)
    error_mails.install("shop", Settings(mail_server="localhost"), None)
    assert logging.getLogger().handlers == before
