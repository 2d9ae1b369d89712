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
    Mutant(
        "output is delivered before it is recorded",
        "gateway/fronts/ssh/relay.py",
        "                self._stream.output(data)\n",
        "                self._client.write(data, datatype)\n"
        "                self._stream.output(data)\n"
        "                return True\n",
        "tests/ssh/test_relay.py::test_whatever_happens_what_is_delivered_was_recorded_and_nothing_typed_in_a_pause_arrives",
    ),
    Mutant(
        "output that the recorder refused is delivered",
        "gateway/sessions/connection.py",
        "            self._tape.output(data)\n"
        "        except RecorderFailed:\n"
        "            raise self._live.recorder_failed() from None",
        "            self._tape.output(data)\n        except RecorderFailed:\n            return",
        "tests/sessions/test_faults.py::test_abuse_80_a_recorder_that_fails_midway_ends_the_session_and_delivers_nothing",
    ),
    Mutant(
        "keys that the recorder refused are delivered",
        "gateway/sessions/connection.py",
        "            live.recorder_failed()\n            return False\n        return True",
        "            live.recorder_failed()\n        return True",
        "tests/sessions/test_faults.py::test_abuse_80_keys_that_cannot_be_recorded_do_not_reach_the_target",
    ),
    Mutant(
        "octets pass after the deadline",
        "gateway/sessions/live.py",
        "        if self.deadline.passed(self.clock.instant()):\n            self.expire()",
        "        if False:\n            self.expire()",
        "tests/sessions/test_time.py::test_not_one_octet_passes_at_the_deadline_even_when_no_timer_ran",
    ),
    Mutant(
        "skip release: nobody waits for it at the door",
        "gateway/sessions/rules.py",
        "    if facts.obligations.release and facts.release is None:",
        "    if False:",
        "tests/sessions/test_door.py::test_the_story_from_request_to_shell_holds_for_approval_then_for_release",
    ),
    Mutant(
        "skip release: the start of a session does not look",
        "gateway/sessions/start.py",
        "if (obligations.release and release is None) or",
        "if False or",
        "tests/sessions/test_door.py::test_a_release_that_the_policy_obliges_only_since_this_moment_is_not_skipped",
    ),
    Mutant(
        "skip release: the grant starts without",
        "gateway/access/service.py",
        "        if stored.obligations.release or release is not None:",
        "        if release is not None:",
        "tests/access/test_releasing.py::test_a_session_without_release_waits_for_the_control_room",
    ),
    Mutant(
        "a release is not used up",
        "gateway/access/service.py",
        "        await sql.move_release(tx, release, replace(release, state=ReleaseState.USED, session=session_id))\n",
        "",
        "tests/access/test_releasing.py::test_one_release_starts_one_session",
    ),
    Mutant(
        "a release of another grant counts",
        "gateway/access/service.py",
        "release is None or release.grant != grant.id or",
        "release is None or",
        "tests/access/test_releasing.py::test_a_session_without_release_waits_for_the_control_room",
    ),
    Mutant(
        "an observer is not needed at the door",
        "gateway/sessions/rules.py",
        "    if facts.obligations.observer and facts.observers == 0:",
        "    if False:",
        "tests/sessions/test_door.py::test_a_person_who_must_be_watched_waits_for_an_observer",
    ),
    Mutant(
        "an observer who leaves freezes nothing",
        "gateway/sessions/live.py",
        "            self.freeze(PauseCause.OBSERVER, GATEWAY)",
        "            pass",
        "tests/sessions/test_control.py::test_an_observer_who_must_be_there_and_leaves_freezes_the_input_at_once",
    ),
    Mutant(
        "a denial is ignored",
        "gateway/access/deciding.py",
        "replace(request, state=RequestState.DENIED,",
        "replace(request, state=RequestState.PENDING,",
        "tests/access/test_deciding.py::test_one_denial_ends_the_request_and_the_requester_reads_why",
    ),
    Mutant(
        "a requester approves himself",
        "gateway/access/rules.py",
        "    if person.id == requester:",
        "    if False:",
        "tests/access/test_deciding.py::test_persons_of_the_plant_decide_for_one_another_but_never_for_themselves",
    ),
    Mutant(
        "one person approves twice",
        "gateway/access/rules.py",
        "    if all(a.void or a.approver != person.id for a in request.approvals):",
        "    if True:",
        "tests/access/test_deciding.py::test_two_approvals_are_two_persons",
    ),
    Mutant(
        "two approvals of one person count twice",
        "gateway/access/rules.py",
        "{a.approver: a for a",
        "{id(a): a for a",
        "tests/access/test_rules.py::test_an_approval_counts_once_a_person_never_void_and_never_for_another_wording",
    ),
    Mutant(
        "an approval is not bound to what was shown",
        "gateway/access/deciding.py",
        "            if digest != request.wanted.digest():",
        "            if False:",
        "tests/access/test_abuse.py::test_48_an_approval_of_another_wording_than_the_one_shown_is_void",
    ),
    Mutant(
        "somebody else's code decides",
        "gateway/access/rules.py",
        "    if proof.person == person.id and proof.factor",
        "    if proof.factor",
        "tests/access/test_deciding.py::test_a_decision_needs_a_fresh_factor_of_the_approver_himself",
    ),
    Mutant(
        "a session survives the revocation of its grant",
        "gateway/sessions/sweep.py",
        "                    live.finish_with(EndReason.REVOKED, event.actor, event.reason)\n"
        "                case GrantExtended",
        "                    pass\n                case GrantExtended",
        "tests/sessions/test_abuse.py::test_abuse_41_a_revoked_grant_ends_its_session_with_the_reason",
    ),
    Mutant(
        "a used code is right again",
        "gateway/identity/totp.py",
        "Meaning.RIGHT if found > used else Meaning.USED",
        "Meaning.RIGHT",
        "tests/identity/test_codes.py::test_42_a_code_of_a_step_that_was_used_or_passed_over_is_used",
    ),
    Mutant(
        "the store gives a used code away again",
        "gateway/identity/sql_factors.py",
        ".where(credentials.c.person == person, credentials.c.used_step < step)",
        ".where(credentials.c.person == person)",
        "tests/identity/test_codes.py::test_43_the_database_itself_gives_a_step_to_one_caller",
    ),
    Mutant(
        "a code of another person carries a session",
        "gateway/sessions/rules.py",
        "p.person == person.id and p.source == source]",
        "p.source == source]",
        "tests/sessions/test_rules.py::test_a_session_stands_on_two_fresh_factors_of_this_person_from_this_address",
    ),
    Mutant(
        "the proofs of two persons make one",
        "gateway/identity/login.py",
        "    if any(p.person != person.id for p in proofs):",
        "    if False:",
        "tests/identity/test_doors.py::test_12_the_proofs_of_two_persons_are_nobodys",
    ),
    Mutant(
        "an unsigned offer of a key is proof (CVE-2023-43660)",
        "gateway/fronts/ssh/connection.py",
        "        if not msg:\n            return True",
        "        if not msg:\n            await self._doorkeeper.key_proved(public, False)\n            return True",
        "tests/ssh/test_hostile.py::test_8_an_offered_key_without_a_signature_proves_nothing",
    ),
    Mutant(
        "the name of the first step counts",
        "gateway/fronts/ssh/visitor.py",
        "            login = names.parse(username)",
        "            login = self._left[0].login if self._left else names.parse(username)",
        "tests/ssh/test_hostile.py::test_13_the_name_of_the_last_step_counts",
    ),
    Mutant(
        "what was proved for one name serves another (CVE-2023-48712)",
        "gateway/fronts/ssh/visitor.py",
        "        if banner and not self._banner_sent:",
        "        self._sign_in.first = self._left[-1].first if self._left else None\n"
        "        if banner and not self._banner_sent:",
        "tests/ssh/test_hostile.py::test_13_a_factor_of_one_name_does_not_serve_another",
    ),
    Mutant(
        "keys typed in a pause are delivered",
        "gateway/sessions/connection.py",
        "        if live.pauses:",
        "        if False:",
        "tests/sessions/test_control.py::test_keys_typed_in_a_pause_are_discarded_counted_and_told_once",
    ),
    Mutant(
        "keys typed in a pause are replayed after it",
        "gateway/fronts/ssh/relay.py",
        "        if deliver and self._target is not None:\n            self._to_target(data)",
        "        if deliver and self._target is not None:\n"
        "            self._to_target(data)\n"
        "        elif self._paused:\n"
        "            self._undelivered.append(data)",
        "tests/ssh/test_relay.py::test_keys_typed_in_a_pause_are_gone_and_do_not_come_back_with_the_resume",
    ),
    Mutant(
        "a segment is never signed",
        "gateway/recording/writer.py",
        "            if self._due_us and now + TICK_US >= self._due_us:",
        "            if False:",
        "tests/recording/test_writer.py::test_an_idle_recorder_writes_nothing_and_a_busy_one_signs_within_ten_seconds",
    ),
    Mutant(
        "the key of a secret is recorded",
        "gateway/recording/echo.py",
        "burst.key] if burst.echoed else []",
        "burst.key]",
        "tests/recording/test_echo.py::test_a_password_at_a_prompt_without_echo_cannot_be_read__abuse_case_83",
    ),
    Mutant(
        "recovery seals a closed recording",
        "gateway/recording/recovery.py",
        "    if evidence.closed or not evidence.heads:",
        "    if not evidence.heads:",
        "tests/recording/test_recovery.py::test_recovery_seals_nothing_that_the_log_has_closed_even_if_all_heads_agree",
    ),
    Mutant(
        "recovery does not compare the heads of the log",
        "gateway/recording/recovery.py",
        "        if self._wanted.pop(frame.n + 1, frame.h) != frame.h:",
        "        if self._wanted.pop(frame.n + 1, None) is Ellipsis:",
        "tests/recording/test_recovery.py::test_a_running_recording_that_disagrees_with_the_log_is_not_sealed",
    ),
    Mutant(
        "the verifier ignores a wrong link",
        "gateway/recording/verify.py",
        "        if self.data[stop : stop + LINK] != h[:LINK]:",
        "        if False:",
        "tests/recording/test_vectors.py::test_the_verifier_says_of_a_vector_what_is_written",
    ),
    Mutant(
        "the verifier ignores a missing session",
        "gateway/recording/verify.py",
        " for s in missing]",
        " for s in ()]",
        "tests/recording/test_tampering.py::test_a_deleted_recording_is_named",
    ),
    Mutant(
        "a forbid is not loaded",
        "gateway/policy/engine.py",
        "rule.body for rule in self.rules.values()}",
        "rule.body for rule in self.rules.values() if rule.obligations}",
        "tests/policy/test_engine.py::test_a_forbid_beats_every_permit_and_says_its_title",
    ),
    Mutant(
        "a policy that fails is left out",
        "gateway/policy/engine.py",
        "result.diagnostics.errors or result.decision is",
        "result.decision is",
        "tests/policy/test_engine.py::test_a_forbid_that_fails_while_it_is_evaluated_does_not_let_anybody_in",
    ),
    Mutant(
        "obligations are joined to the looser",
        "gateway/policy/model.py",
        "self.release or other.release",
        "self.release and other.release",
        "tests/policy/test_join.py::test_no_further_permit_ever_loosens_an_obligation",
    ),
    Mutant(
        "a deadline goes by the wall clock alone",
        "gateway/clock.py",
        "        if at.boot_id == self.boot_id:\n            left",
        "        if False:\n            left",
        "tests/access/test_clock.py::test_a_live_grant_ends_no_later_than_by_the_boot_clock_when_the_clock_is_set",
    ),
    Mutant(
        "a changed host key is accepted",
        "gateway/inventory/host_keys.py",
        "accepted = public == place.public",
        "accepted = True",
        "tests/inventory/test_host_keys.py::test_a_changed_key_is_blocked_alarmed_and_never_learnt",
    ),
    Mutant(
        "south dials before the session is active",
        "gateway/sessions/south.py",
        "        gate.permitted()\n        try:\n            address",
        "        try:\n            address",
        "tests/south/test_south.py::test_a_gate_that_says_no_opens_no_socket",
    ),
    Mutant(
        "the CSRF token is not compared",
        "gateway/fronts/api/deps.py",
        "        if not hmac.compare_digest(given.encode(), who.sign_in.csrf.encode()):",
        "        if not given:",
        "tests/api/test_hardening.py::test_a_csrf_token_serves_its_own_sign_in_alone",
    ),
    Mutant(
        "an admin reads recordings",
        "gateway/fronts/api/deps.py",
        "Depends(role(Role.AUDITOR))",
        "Depends(role(Role.AUDITOR, Role.ADMIN))",
        "tests/api/test_recordings.py::test_nobody_but_an_auditor_reads_a_recording_not_even_his_own_53",
    ),
)
