"""Room for connections: each has a place until it is closed, however silent it is, so nobody may take all.

One caller gets so many, and never more than are still free: who takes what there is leaves as much to others,
and gets less of it again when others have come (dynamic thresholds for buffers, Choudhury and Hahne 1998).
"""

MOST = 2000  # at each port of a process


class Places:
    """Used in one event loop, so nothing here needs a lock.

    Args:
        each: how many one caller may have.
        most: how many there are.
    """

    def __init__(self, each: int, most: int = MOST) -> None:
        self._each, self._free = each, most
        self._taken: dict[str, int] = {}

    def take(self, who: str) -> bool:
        """Whether the caller gets one more. It must be given back."""
        taken = self._taken.get(who, 0)
        if taken >= min(self._each, self._free):
            return False
        self._taken[who] = taken + 1
        self._free -= 1
        return True

    def give_back(self, who: str) -> None:
        self._free += 1
        self._taken[who] -= 1
        if not self._taken[who]:
            del self._taken[who]
