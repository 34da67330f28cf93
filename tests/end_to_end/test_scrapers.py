"""Fifty scrapes a second are all answered, and runs go on meanwhile."""

import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from daemon_process import Daemon, linear

A_SECOND, SECONDS = 50, 2


def test_a_daemon_that_is_scraped_fifty_times_a_second_answers_and_profiles(make_daemon: Callable[..., Daemon]) -> None:
    daemon = make_daemon([linear("good")], schedule={"profile": "5s"}).start()  # figures go after three intervals
    daemon.wait_for(lambda: len(daemon.runs("good")) > 1, "it ran twice")  # from then on all families are there
    known, whole = len(daemon.runs("good")), daemon.get("/metrics").count("# HELP ")

    def scrape() -> tuple[int, int]:
        with urllib.request.urlopen(daemon.url + "/metrics", timeout=30) as response:
            return response.status, response.read().count(b"# HELP ")

    with ThreadPoolExecutor(A_SECOND) as pool:
        answers: list[Future[tuple[int, int]]] = []
        for _ in range(A_SECOND * SECONDS):
            answers.append(pool.submit(scrape))
            time.sleep(1 / A_SECOND)
        daemon.wait_for(lambda: len(daemon.runs("good")) > known, "a run came to its end")

    statuses, families = zip(*(answer.result() for answer in answers), strict=True)
    assert set(statuses) == {200}
    assert min(families) >= whole, "each has everything"
    assert daemon.stop() == 0
