"""What the figures say of p99."""

from bench.report import Figures, tails


def test_the_gap_to_the_aim_is_told_beside_the_floors():
    near = Figures(p50=[1.0, 2.0, 1.0], p99=[3.0, 6.0, 9.0], floor_times=[6.0])
    far = Figures(p50=[1.0], p99=[10.0], floor_times=[8.0])
    [said, _] = tails({"near": near, "far": far, "write": Figures(cpu=[1.0])})
    assert "in 1 of 2 rows" in said
    assert "× 0.8 … 2.5 (the furthest: far), the floor's × 1.5 … 2.0" in said


def test_without_waiting_times_nothing_is_said():
    assert tails({"write": Figures(cpu=[1.0])}) == []
