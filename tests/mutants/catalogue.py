"""The breaks that are planted, each with the one test that must notice."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """In `path`, the text `old`, which stands there once, becomes `new`; then `test` must fail."""

    name: str
    path: str
    old: str
    new: str
    test: str


MUTANTS = (
    Mutant(
        "a step back of the wall clock lengthens a deadline",
        "gateway/clock.py",
        "left = min(left, self.boot - at.boot)",
        "left = max(left, self.boot - at.boot)",
        "tests/test_clock.py::test_setting_the_clock_back_an_hour_does_not_lengthen_a_deadline",
    ),
    Mutant(
        "people and the plant may share an address",
        "gateway/config.py",
        "if south in people | {admin}:",
        "if south in {admin}:",
        "tests/test_config.py",
    ),
    Mutant(
        "a checkpoint from outside is not compared",
        "gateway/audit/verify.py",
        "elif note.root != tree.root():",
        "elif False:",
        "tests/audit/test_verify.py::test_a_log_rewritten_with_its_head_is_found_only_by_a_checkpoint_from_outside",
    ),
    Mutant(
        "an event is published although its transaction failed",
        "gateway/audit/log.py",
        "tx.after_commit(lambda: self.hub.publish(event))",
        "self.hub.publish(event)",
        "tests/test_store.py::test_an_event_is_published_only_after_its_transaction_is_durable",
    ),
    Mutant(
        "a key that others can read is taken",
        "gateway/keys.py",
        "if mode & 0o077:",
        "if mode & 0o007:",
        "tests/test_keys.py::test_a_key_that_others_can_read_refuses_the_start",
    ),
)
