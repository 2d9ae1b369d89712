"""Breaks of files and forwards at the session core: what may pass, where it may lead, what is on record of it."""

from tests.mutants.model import Mutant

PAUSE = "tests/sessions/test_files.py::test_in_a_pause_no_file_moves_and_nothing_of_it_is_lost"
HELD = "tests/sessions/test_held.py::"

MUTANTS = (
    Mutant(
        "a download goes on in a pause",
        "gateway/sessions/stream.py",
        "        if waits and self._live.pauses:",
        "        if False:",
        PAUSE,
    ),
    Mutant(
        "a forward leads to any service of the target",
        "gateway/sessions/live.py",
        " and name in self.grant.wanted.services",
        "",
        "tests/sessions/test_forwards.py::test_another_service_of_the_target_is_not_reached_by_a_grant_for_one",
    ),
    Mutant(
        "the services of a forward are not bound by its approval",
        "gateway/access/model.py",
        "if self.services:",
        "if False:",
        "tests/access/test_forwards.py::test_an_approval_of_one_service_is_none_of_another",
    ),
    Mutant(
        "the last files before a kill are in no ledger",
        "gateway/sessions/keeper.py",
        "            await self._enter(tx, lines)\n            if row is not None and row.state",
        "            if row is not None and row.state",
        "tests/sessions/test_files.py::test_what_was_open_when_the_session_was_cut_is_in_the_ledger_before_its_end",
    ),
    Mutant(
        "a policy hears of exceptions that have ended",
        "gateway/policy/facts.py",
        "q.target.held(about, at)",
        "q.target.exceptions",
        "tests/policy/test_facts.py::test_a_policy_hears_of_the_exceptions_that_hold_now_for_what_is_asked",
    ),
    Mutant(
        "two permits without a common directory reach everything",
        "gateway/policy/model.py",
        "    return outermost(inner)",
        "    return outermost(inner) or None",
        "tests/policy/test_join.py::test_two_directories_apart_leave_nothing_rather_than_everything",
    ),
    Mutant(
        "who sent a file delivers it",
        "gateway/sessions/rules.py",
        "    if actor.organisation.name == session.organisation and not actor.organisation.plant:\n"
        '        return Refused("own_organisation", texts.OWN_SIDE',
        '    if False:\n        return Refused("own_organisation", texts.OWN_SIDE',
        HELD + "test_nobody_delivers_his_own_or_his_side_s_upload_nor_one_that_he_has_no_say_in",
    ),
    Mutant(
        "a held file is delivered as the disk has it",
        "gateway/sessions/held.py",
        "if await asyncio.to_thread(spool.digest) == line.passed.sha256:",
        "if True:",
        HELD + "test_what_was_changed_on_the_disk_is_withheld_instead_of_delivered",
    ),
    Mutant(
        "a held file goes out under another approval",
        "gateway/sessions/held.py",
        "(line.passed.grant, line.passed.verdict) != (live.grant.id, Verdict.CLEARED)",
        "line.passed.verdict != Verdict.CLEARED",
        HELD + "test_a_session_of_another_approval_does_not_get_it",
    ),
    Mutant(
        "a yes for a held file is one for any name",
        "gateway/sessions/sql_files.py",
        ", files.c.path == said.path",
        "",
        HELD + "test_a_yes_that_a_new_name_overtakes_is_none",
    ),
    Mutant(
        "what is withheld on its way arrives",
        "gateway/sessions/held.py",
        "                taken.close()",
        "                pass",
        HELD + "test_what_is_withheld_while_it_is_brought_is_read_no_further",
    ),
    Mutant(
        "who watches gets the files themselves",
        "gateway/recording/writer.py",
        "payload[: BLOCK.size] if kind == Kind.BLOCK else payload",
        "payload",
        "tests/recording/test_files.py::test_who_watches_sees_that_a_part_passed_and_not_what_is_in_it",
    ),
    Mutant(
        "a file's name makes an entry",
        "gateway/recording/summary.py",
        'ENTRY: Final = b\'"of":"entry"\'',
        'ENTRY: Final = b"entry"',
        "tests/recording/test_files.py::test_a_name_that_looks_like_an_entry_is_none",
    ),
)
