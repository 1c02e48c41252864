"""How large the steps of a long job are, and when it stops for the time being."""

import pytest

from chassis import pace


def test_steps_grow_while_they_are_quick_and_shrink_when_they_are_slow():
    steps = pace.Pace(100)
    sizes = [steps.rows]
    for seconds in (0.01, 0.01, 0.01, 0.01, 0.2, 0.7, 0.7, 0.01):
        steps.took(seconds)
        sizes.append(steps.rows)
    assert sizes == [12, 24, 48, 96, 100, 100, 50, 25, 50]


@pytest.mark.parametrize(("most", "least"), [(3, 1), (100, 5)])
def test_a_step_never_becomes_nothing(most, least):
    steps = pace.Pace(most)
    for _ in range(5):
        steps.took(9)
    assert steps.rows == least


def test_each_subject_is_done_to_its_end_before_the_next(monkeypatch):
    monkeypatch.setattr(pace, "PAUSE", 0)
    left = {1: 30, 2: 3}
    asked = []

    def step(subject, most):
        asked.append(subject)
        left[subject] -= min(most, left[subject])
        return left[subject] > 0

    pace.in_steps(left, step, 16)
    assert left == {1: 0, 2: 0}
    assert asked == [1, 1, 1, 1, 2]  # 2, 4, 8 and 16 of the one, then the other


def test_when_the_time_is_over_the_rest_is_for_the_next_time(monkeypatch):
    monkeypatch.setattr(pace, "PAUSE", 0)
    monkeypatch.setattr(pace, "AT_A_TIME", 0.05)
    asked = []
    pace.in_steps(range(3), lambda subject, most: not asked.append(subject), 16)
    assert set(asked) == {0}
