"""Who of a service's threads is at work at the same time."""

import threading
from concurrent.futures import wait

import pytest

from chassis import crew
from chassis.crew import FEW, Crew
from chassis.testing.polling import eventually

THREADS = 4


@pytest.fixture
def threads():
    with Crew(THREADS) as found:
        yield found


class Together:
    """Tasks that last until they are let go, and who of them has begun."""

    def __init__(self):
        self.begun, self.go = [], threading.Event()

    def __call__(self, name):
        self.begun.append(name)
        self.go.wait(10)
        return name


def test_few_are_at_work_at_once_and_all_in_their_order(threads, monkeypatch):
    monkeypatch.setattr(crew, "LONG", 60)
    task = Together()
    given = [threads.submit(task, number) for number in range(20)]
    eventually(lambda: len(task.begun) == FEW)
    threads.look()
    assert (sorted(task.begun), len(threads.line)) == ([0, 1], 18)
    task.go.set()
    assert [each.result(10) for each in given] == list(range(20))
    assert sorted(task.begun) == list(range(20))


def test_others_go_on_in_place_of_those_who_wait_as_long_as_there_are_threads(threads, monkeypatch):
    monkeypatch.setattr(crew, "LONG", 0)
    task = Together()
    given = [threads.submit(task, number) for number in range(THREADS + 2)]
    eventually(lambda: len(task.begun) == THREADS)
    threads.look()
    assert len(threads.line) == 2
    task.go.set()
    wait(given, 10)
    assert len(task.begun) == THREADS + 2


def test_what_a_task_raises_is_its_own_and_its_thread_goes_on(threads):
    def fails():
        raise SystemExit("of its own")

    failed, fine = threads.submit(fails), threads.submit(str, 1)
    with pytest.raises(SystemExit):
        failed.result(10)
    assert fine.result(10) == "1"


def test_many_at_once_lose_nothing(threads):
    done = []

    def bring(first):
        given = [threads.submit(done.append, number) for number in range(first, first + 250)]
        wait(given, 30)

    people = [threading.Thread(target=bring, args=(first,)) for first in range(0, 1000, 250)]
    for person in people:
        person.start()
    while any(person.is_alive() for person in people):
        threads.look()
    assert sorted(done) == list(range(1000))
    assert not threads.line
