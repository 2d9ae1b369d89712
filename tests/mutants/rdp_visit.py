"""Breaks of a visit to a desktop: the RDP front, the target's certificate, the session's gate, and the recording."""

from typing import Final

from tests.mutants.model import Mutant

FRONT: Final = "gateway/fronts/rdp"
VISIT: Final = "tests/rdpfront/test_visit.py"
PLANTED: Final = "tests/rdpfront/test_planted.py"
RECORDED: Final = "tests/recording/test_desktops.py"

MUTANTS = (
    Mutant(
        "a picture is delivered before it is recorded",
        f"{FRONT}/relay.py",
        "if await self._recorded(lambda: self._stream.shown(pdu)):",
        "await self._line.send(pdu)\n        if await self._recorded(lambda: self._stream.shown(pdu)) and False:",
        f"{PLANTED}::test_a_pdu_goes_to_the_client_right_after_its_record",
    ),
    Mutant(
        "a picture that the recorder refused is delivered",
        f"{FRONT}/relay.py",
        "            except RecorderFailed:\n                return False",
        "            except RecorderFailed:\n                return True",
        f"{PLANTED}::test_a_picture_that_the_recorder_will_never_take_reaches_nobody_80",
    ),
    Mutant(
        "a picture that the recorder could not take is lost",
        f"{FRONT}/relay.py",
        "await self._flowing.wait()",
        "return False",
        f"{PLANTED}::test_a_picture_that_the_recorder_cannot_take_now_waits_and_is_not_lost_80",
    ),
    Mutant(
        "clipboard text that was not recorded passes",
        f"{FRONT}/relay.py",
        "if not self._stream.clipboard(effect.direction, effect.text):",
        "if self._stream.clipboard(effect.direction, effect.text) is None:",
        f"{PLANTED}::test_clipboard_text_that_was_not_recorded_passes_nowhere_80",
    ),
    Mutant(
        "input of a pause is delivered to a desktop",
        f"{FRONT}/relay.py",
        "if (keys and not self._stream.pressed(keys)) or",
        "if (keys and self._stream.pressed(keys) is None) or",
        f"{PLANTED}::test_input_that_the_stream_refuses_moves_nothing_and_is_not_held_33",
    ),
    Mutant(
        "the mouse of a pause is delivered to a desktop",
        f"{FRONT}/relay.py",
        "(pointer and not self._stream.pointed(pointer)):",
        "(pointer and self._stream.pointed(pointer) is None):",
        f"{PLANTED}::test_input_that_the_stream_refuses_moves_nothing_and_is_not_held_33",
    ),
    Mutant(
        "keys stay down at a pause",
        f"{FRONT}/relay.py",
        "            self._leg.write(self._bridge.paused())",
        "            pass",
        f"{PLANTED}::test_keys_and_buttons_are_recorded_before_they_arrive_and_released_at_a_pause",
    ),
    Mutant(
        "who may only watch types",
        f"{FRONT}/relay.py",
        "        if not self._may_type:",
        "        if False:",
        f"{PLANTED}::test_who_may_only_watch_moves_neither_keys_nor_mouse_46",
    ),
    Mutant(
        "who may only watch pastes",
        f"{FRONT}/desktop.py",
        "clipboard_in=may_type and await",
        "clipboard_in=await",
        f"{PLANTED}::test_a_channel_that_may_not_be_does_not_exist_for_the_target_74",
    ),
    Mutant(
        "the clipboard is carried whatever was granted",
        f"{FRONT}/desktop.py",
        "clipboard_out=await self._may(Channel.CLIPBOARD_OUT)",
        "clipboard_out=True",
        f"{PLANTED}::test_a_channel_that_may_not_be_does_not_exist_for_the_target_74",
    ),
    Mutant(
        "the target is dialled before the session is entered",
        f"{FRONT}/visitor.py",
        "while not await self._visit.settled(step):",
        "while not await self._visit.settled(step) and step is ZERO:",
        f"{VISIT}::test_nothing_goes_south_before_the_release",
    ),
    Mutant(
        "the target's certificate is not checked",
        f"{FRONT}/leg.py",
        "        await self._connection.check_certificate(certificate)\n",
        "",
        f"{VISIT}::test_another_certificate_gets_no_credential_70",
    ),
    Mutant(
        "the credential is sent before the certificate is checked",
        f"{FRONT}/leg.py",
        "        await self._connection.check_certificate(certificate)\n",
        "        account = (await self._connection.credential()).for_windows()\n"
        "        await self._logged_on(wire, subject_public_key(certificate), account)\n"
        "        await self._connection.check_certificate(certificate)\n",
        f"{VISIT}::test_another_certificate_gets_no_credential_70",
    ),
    Mutant(
        "a target without TLS is entered",
        f"{FRONT}/leg.py",
        "if answer.selected in {Security.TLS, Security.HYBRID}:",
        "if True:",
        f"{VISIT}::test_what_is_wrong_with_a_target_is_told",
    ),
    Mutant(
        "an account's log-on that the target refused goes on",
        f"{FRONT}/leg.py",
        "if initiator.state is CredsspState.FAILED:",
        "if False:",
        f"{VISIT}::test_what_is_wrong_with_a_target_is_told",
    ),
    Mutant(
        "a client without CredSSP comes in (CVE-2026-91949)",
        f"{FRONT}/native.py",
        "if request.protocols is None or not request.protocols & Security.HYBRID:",
        "if request.protocols is None:",
        f"{VISIT}::test_a_client_without_credssp_is_told_so_68",
    ),
    Mutant(
        "who failed to log on comes in",
        f"{FRONT}/native.py",
        "if acceptor.state is CredsspState.FAILED:",
        "if False:",
        f"{VISIT}::test_a_wrong_ticket_is_a_failed_log_on_and_counts_77",
    ),
    Mutant(
        "the page's door takes anybody's ticket",
        f"{FRONT}/web.py",
        "redeem_web(request.token, person, source, SOFTWARE)",
        "redeem(request.token.partition('.')[0], source, SOFTWARE)",
        "tests/rdpfront/test_page.py::test_another_persons_ticket_opens_nothing_57",
    ),
    Mutant(
        "a certificate that cannot be read is pinned",
        "gateway/inventory/host_keys.py",
        "accepted = bool(public) and",
        "accepted =",
        "tests/inventory/test_certificates.py::test_what_is_no_certificate_is_no_key_and_never_pinned",
    ),
    Mutant(
        "another certificate than the declared one is pinned",
        "gateway/inventory/host_keys.py",
        'place.expected in {"", fingerprint}',
        "place.expected is not None",
        "tests/inventory/test_certificates.py::test_a_fingerprint_declared_with_the_service_leaves_nothing_to_chance",
    ),
    Mutant(
        "a certificate is pinned after the session",
        "gateway/sessions/connection.py",
        "        self._running()\n        await self._inventory.check_certificate(",
        "        await self._inventory.check_certificate(",
        "tests/sessions/test_desktop.py"
        "::test_the_targets_certificate_is_pinned_while_the_session_runs_and_not_afterwards_c52",
    ),
    Mutant(
        "clipboard text of a pause reaches the target",
        "gateway/sessions/connection.py",
        "            if live.pauses:\n                return False",
        "            if False:\n                return False",
        "tests/sessions/test_desktop.py::test_keys_and_mouse_of_a_pause_reach_nobody_and_are_counted_33",
    ),
    Mutant(
        "keys at a desktop can be read",
        "gateway/recording/tape.py",
        "(Kind.INPUT, self._echo.unseen(events, self._writer.now_us()))",
        "(Kind.INPUT, events)",
        f"{RECORDED}::test_what_is_typed_at_a_desktop_can_be_read_by_nobody_83",
    ),
    Mutant(
        "PDUs are read as text of a terminal",
        "gateway/recording/text.py",
        "record.kind in (Kind.OUTPUT, Kind.ERROR):",
        "record.kind in (Kind.OUTPUT, Kind.ERROR, Kind.PDU):",
        f"{RECORDED}::test_exports_of_a_desktop_say_what_was_told_and_copied",
    ),
    Mutant(
        "a seek begins in a picture that was not whole yet",
        "gateway/recording/playback.py",
        "for begun, done in pictures if done <= at_us)",
        "for begun, done in pictures if begun <= at_us)",
        f"{RECORDED}::test_a_seek_begins_where_the_picture_was_whole_and_goes_on_without_a_gap",
    ),
    Mutant(
        "a seek begins after its repaint",
        "gateway/recording/tape.py",
        'self._repaint_us = self._writer.afresh(self.stream, (Kind.REPAINT, b""))',
        'self._repaint_us = self._writer.afresh(self.stream, (Kind.REPAINT, b"")) + 1',
        f"{RECORDED}::test_a_request_to_repaint_is_the_first_thing_in_a_segment_of_its_own",
    ),
    Mutant(
        "a picture of another size counts as whole",
        "gateway/recording/tape.py",
        "        if self._size not in (None, size):",
        "        if False:",
        f"{RECORDED}::test_a_picture_is_whole_only_in_the_size_it_was_asked_for",
    ),
)
