"""How mails and removals fare, for the scrape of `/metrics`."""

from collections.abc import Iterable

import sqlalchemy as sa
from flask import Flask
from prometheus_client.core import GaugeMetricFamily

from chassis.events import now

from . import queries


class Removals:
    """Accounts that somebody has asked to be removed, and that are not yet."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def collect(self) -> Iterable[GaugeMetricFamily]:
        try:
            with self._app.app_context():
                waiting = queries.removals_waiting()
        except sa.exc.SQLAlchemyError:
            return
        age = (now() - waiting["oldest"]).total_seconds() if waiting["oldest"] else 0.0
        yield GaugeMetricFamily("removals_waiting", "Accounts being removed.", value=waiting["people"])
        yield GaugeMetricFamily(
            "removals_oldest_waiting_age_seconds", "Age of the oldest removal that is not done.", value=age
        )


class Mails:
    """Read from the database at the moment of the scrape."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def collect(self) -> Iterable[GaugeMetricFamily]:
        try:
            with self._app.app_context():
                oldest, failed = queries.mails_waiting_since(), queries.mails_failed()
        except sa.exc.SQLAlchemyError:
            return
        age = (now() - oldest).total_seconds() if oldest else 0.0
        yield GaugeMetricFamily(
            "mails_oldest_queued_age_seconds", "Age of the oldest unsent mail.", value=age
        )
        yield GaugeMetricFamily(
            "mails_failed", "Mails of the last two hours that were given up.", value=failed
        )
