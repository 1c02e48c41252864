import pytest

from chassis.breaker import Breaker, Resting


def test_after_many_failures_one_at_a_time_tries_again(monkeypatch):
    now, told = [100.0], []
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    breaker = Breaker(told.append)
    for _ in range(Breaker.FAILURES):
        breaker.admit()
        breaker.failed()
    assert refuses(breaker)
    assert told == [False, True]
    now[0] += Breaker.REST
    breaker.admit()
    assert refuses(breaker)
    breaker.failed()
    assert refuses(breaker)
    now[0] += Breaker.REST
    breaker.admit()
    breaker.succeeded()
    breaker.admit()
    breaker.admit()
    assert told == [False, True, True, False]


def test_only_failures_in_a_row_count():
    breaker = Breaker()
    for _ in range(3 * Breaker.FAILURES):
        breaker.failed()
        breaker.succeeded()
    breaker.admit()


def refuses(breaker):
    with pytest.raises(Resting):
        breaker.admit()
    return breaker.open
