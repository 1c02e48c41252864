"""How many connections one caller may have of those that there are."""

import resource
import subprocess
import sys
import tracemalloc

from chassis.places import Places


def taken(places, who):
    """As many as it gets."""
    count = 0
    while places.take(who):
        count += 1
    return count


def test_one_gets_as_many_as_one_may_have():
    places = Places(3, 100)
    assert [taken(places, "ann"), taken(places, "bob"), taken(places, "ann")] == [3, 3, 0]


def test_what_was_given_back_can_be_taken_again():
    places = Places(3, 100)
    for _ in range(5):
        assert taken(places, "ann") == 3
        for _ in range(3):
            places.give_back("ann")


def test_who_takes_what_there_is_leaves_as_much_to_others():
    places = Places(100, 100)
    assert [taken(places, who) for who in ("ann", "bob", "eve")] == [50, 25, 13]


def test_who_has_most_gets_nothing_again_until_others_have_as_much():
    places = Places(100, 100)
    taken(places, "ann")
    taken(places, "bob")
    for _ in range(20):
        places.give_back("ann")
    assert [taken(places, who) for who in ("ann", "bob")] == [8, 6]


def test_who_has_gone_costs_no_memory():
    places = Places(3, 100)
    tracemalloc.start()
    for number in range(20_000):
        who = f"caller {number}"
        assert places.take(who)
        places.give_back(who)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 100_000


FILES = """
import resource

resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
from chassis.gunicorn_evented import worker_connections
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0] > min(worker_connections, HARD - 1))
"""


def test_a_server_may_open_a_file_for_each_connection_and_more():
    """Of a shell's usual 1,024 a thousand silent clients leave none."""
    code = FILES.replace("HARD", str(resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"
