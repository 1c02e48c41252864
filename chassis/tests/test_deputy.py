"""Who listens while the loop of a service is at a request for long."""

import logging
import threading
import time
from contextlib import contextmanager

import pytest

from chassis import deputy
from chassis.deputy import Deputy, aside
from chassis.testing.polling import eventually


class Loop:
    """A loop in a thread of its own, with what it must never share while it is not at a task."""

    def __init__(self):
        self.tasks, self.heard, self.failing = [], 0, False
        self.called, self.touching, self.overlaps = threading.Event(), threading.Lock(), 0
        self.deputy = Deputy(self.listen, self.called.set)
        threading.Thread(target=self.run, daemon=True).start()

    @contextmanager
    def alone(self):
        free = self.touching.acquire(blocking=False)
        self.overlaps += not free
        yield
        if free:
            self.touching.release()

    def listen(self):
        if self.failing:
            raise OSError("no sockets left")
        with self.alone():
            self.heard += 1
            self.called.wait(0.05)
            self.called.clear()

    def run(self):
        self.deputy.start()
        while True:
            with self.alone():
                while not self.tasks:
                    time.sleep(0)
                task, answer = self.tasks.pop(0)
            answer.append(self.deputy.during(task))

    def ask(self, task):
        answer = []
        self.tasks.append((task, answer))
        return answer


@pytest.fixture(autouse=True)
def others():
    before = deputy.mine[:]
    yield
    deputy.mine[:] = before


@pytest.fixture
def loop():
    return Loop()


def test_it_stays_awake_while_tasks_follow_each_other_and_then_sleeps(loop, monkeypatch):
    """To wake it costs the loop a call to the system; awake it would cost a resting service its rest."""
    rung = []
    ring = Deputy._ring
    monkeypatch.setattr(Deputy, "_ring", lambda self: rung.append(1) or ring(self))
    monkeypatch.setattr(deputy, "RESTLESS", 10**6)
    eventually(lambda: (loop.ask(int), not loop.deputy._asleep)[1])
    rung.clear()
    for _ in range(5):
        answer = loop.ask(int)
        eventually(lambda answer=answer: answer == [0])
    assert rung == []
    monkeypatch.setattr(deputy, "RESTLESS", 1)
    eventually(lambda: loop.deputy._asleep)


def test_short_tasks_are_the_loops_alone(loop, monkeypatch):
    monkeypatch.setattr(deputy, "LONG", 60)
    answers = [loop.ask(threading.get_ident) for _ in range(50)]
    eventually(lambda: all(answers))
    assert len({answer[0] for answer in answers}) == 1
    assert (loop.heard, loop.overlaps, loop.deputy.leads) == (0, 0, False)
    assert loop.deputy.alone > 0


def test_a_long_task_has_somebody_listen_in_the_loops_place_until_it_ends(loop):
    go = threading.Event()
    answer = loop.ask(lambda: go.wait(10))
    eventually(lambda: loop.heard >= 2)
    assert (answer, loop.deputy.leads) == ([], True)
    go.set()
    eventually(lambda: answer == [True])
    assert not loop.deputy.leads
    assert (loop.overlaps, loop.deputy.alone) == (0, 0)


def test_who_knows_that_it_takes_long_says_so(loop, monkeypatch):
    monkeypatch.setattr(deputy, "LONG", 60)
    go = threading.Event()
    answer = loop.ask(lambda: aside() or go.wait(10))
    eventually(lambda: loop.deputy.leads)
    go.set()
    eventually(lambda: answer == [True])


def test_what_another_thread_says_is_not_about_the_loop(loop, monkeypatch):
    monkeypatch.setattr(deputy, "LONG", 60)
    go = threading.Event()
    answer = loop.ask(lambda: go.wait(10))
    aside()
    go.set()
    eventually(lambda: answer == [True])
    assert loop.heard == 0


def test_a_task_that_fails_gives_the_loop_its_place_back():
    alone = Deputy(lambda: None, lambda: None)
    alone.start()
    with pytest.raises(ZeroDivisionError):
        alone.during(lambda: 1 / 0)
    assert alone.during(lambda: 1) == 1


def test_a_deputy_that_cannot_listen_says_so_once_and_the_loop_goes_on(loop, caplog):
    loop.failing, go = True, threading.Event()
    with caplog.at_level(logging.ERROR, "server"):
        answer = loop.ask(lambda: go.wait(10))
        eventually(lambda: caplog.records)
        go.set()
        eventually(lambda: answer == [True])
    assert [record.message for record in caplog.records] == ["the loop's deputy cannot listen"]
    again = loop.ask(lambda: 1)
    eventually(lambda: again == [1])


def test_thousands_of_tasks_of_all_lengths_never_share_what_the_loop_keeps(loop, monkeypatch):
    monkeypatch.setattr(deputy, "LONG", 0.0005)
    answers = [loop.ask(lambda long=number % 7 / 4000: time.sleep(long) or 1) for number in range(2000)]
    eventually(lambda: all(answers), 60)
    assert loop.heard
    assert loop.overlaps == 0
