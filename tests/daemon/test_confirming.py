"""A suspicion is confirmed by runs at once, a few of them, with pauses, and within the budget."""

from mmied.daemon.confirming import PAUSE_SECONDS, Confirming


class Asked:
    """Who was asked for, and what the budget holds."""

    def __init__(self) -> None:
        self.confirming, self.models, self.rich = Confirming(), list[str](), True

    def at(self, monotonic: float) -> list[str]:
        self.models.clear()
        self.confirming.ask(monotonic, lambda name: self.rich, self.models.append)
        return list(self.models)

    def judged(self, monotonic: float, *, suspicious: bool = True, made: int = 0, most: int = 4) -> None:
        self.confirming.judged("ranker", monotonic, suspicious=suspicious, made=made, most=most)


def test_a_suspicion_asks_for_a_run_at_once_and_once() -> None:
    asked = Asked()
    asked.judged(100.0)

    assert asked.at(100.0) == ["ranker"]
    assert asked.at(101.0) == []


def test_further_runs_come_after_a_pause() -> None:
    asked = Asked()
    asked.judged(100.0, made=1)

    assert asked.at(100.0 + PAUSE_SECONDS - 1) == []
    assert asked.at(100.0 + PAUSE_SECONDS) == ["ranker"]


def test_there_is_a_most_of_them_for_a_suspicion() -> None:
    asked = Asked()
    asked.judged(100.0, made=4)
    assert asked.at(1000.0) == []
    asked.judged(100.0, most=0)
    assert asked.at(1000.0) == []


def test_a_run_that_settles_it_ends_it() -> None:
    asked = Asked()
    asked.judged(100.0, made=1)
    asked.judged(110.0, suspicious=False)

    assert asked.at(1000.0) == []


def test_a_budget_that_is_spent_is_waited_for() -> None:
    asked = Asked()
    asked.rich = False
    asked.judged(100.0)
    assert asked.at(100.0) == []
    asked.rich = True

    assert asked.at(500.0) == ["ranker"]


def test_a_model_that_was_taken_out_is_forgotten() -> None:
    asked = Asked()
    asked.judged(100.0)
    asked.confirming.forget({"other"})

    assert asked.at(100.0) == []
