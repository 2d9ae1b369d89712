"""Breaks of who may log on: the gateway's NTLM and CredSSP towards both sides, and tickets."""

from typing import Final

from tests.mutants.model import Mutant

CREDSSP: Final = "gateway/rdp/credssp.py"
NTLM: Final = "gateway/rdp/ntlm.py"
SECURITY: Final = "gateway/rdp/standard_security.py"
TICKETS: Final = "gateway/identity/tickets.py"
BOUNDS: Final = "tests/rdp/test_planted.py"
ATTACKS: Final = "tests/rdp/security/test_credssp_attacks.py"
OF_SECURITY: Final = "tests/rdp/legacy/test_standard_security.py"
OF_TICKETS: Final = "tests/identity/test_tickets.py"

MUTANTS = (
    Mutant(
        "a client that saw another certificate is let in (CVE-2018-0886)",
        CREDSSP,
        "if not hmac.compare_digest(bound, client_binding(",
        "if not (bound and client_binding(",
        f"{ATTACKS}::test_a_client_that_saw_another_key_is_not_let_in",
    ),
    Mutant(
        "the password goes to whoever relays the target's log-on (CVE-2018-0886)",
        CREDSSP,
        "if not hmac.compare_digest(bound, server_binding(",
        "if not (bound and server_binding(",
        f"{ATTACKS}::test_a_target_that_binds_another_key_never_gets_the_password",
    ),
    Mutant(
        "a client without the nonce is let in",
        CREDSSP,
        "if request.version < FIRST_WITH_NONCE:",
        "if False:",
        f"{ATTACKS}::test_a_client_without_the_nonce_is_refused",
    ),
    Mutant(
        "an empty nonce binds",
        CREDSSP,
        "if not request.pub_key_auth or len(request.nonce) != NONCE:",
        "if not request.pub_key_auth:",
        f"{ATTACKS}::test_a_binding_without_a_whole_nonce_is_refused",
    ),
    Mutant(
        "the version changes on the way",
        CREDSSP,
        "if self._version and request.version != self._version:",
        "if False:",
        f"{ATTACKS}::test_the_version_cannot_change_on_the_way",
    ),
    Mutant(
        "credentials under another seal are taken",
        CREDSSP,
        "self._established().unwrap(request.auth_info)",
        "self._established()",
        f"{ATTACKS}::test_credentials_under_another_seal_are_refused",
    ),
    Mutant(
        "an unknown user is told apart from a wrong secret",
        CREDSSP,
        "self._fail(CredsspFailure.SECRET)",
        "self._fail(CredsspFailure.SECRET, STATUS_LOGON_FAILURE if nt else 0xC0000064)",
        f"{ATTACKS}::test_a_wrong_user_and_a_wrong_secret_get_the_same_answer",
    ),
    Mutant(
        "an unknown user is answered without the work",
        NTLM,
        "        key = ntowf_v2(self._random(16) if nt is None else nt,",
        "        if nt is None:\n            return None\n        key = ntowf_v2(nt,",
        f"{ATTACKS}::test_an_unknown_user_costs_the_same_work_as_a_wrong_secret",
    ),
    Mutant(
        "an unknown user has a secret that can be guessed",
        NTLM,
        "proven & whole & (nt is not None)",
        "proven & whole",
        f"{ATTACKS}::test_a_user_that_nobody_is_does_not_come_in_with_any_hash",
    ),
    Mutant(
        "the MIC is not compared",
        NTLM,
        "proven & whole & (nt is not None)",
        "proven & (nt is not None)",
        f"{ATTACKS}::test_a_weakened_challenge_is_noticed_by_the_mic",
    ),
    Mutant(
        "the MIC may be left out",
        NTLM,
        'if not int.from_bytes(said[:4], "little") & AV_MIC_PRESENT:',
        "if False:",
        f"{ATTACKS}::test_a_mic_that_the_client_does_not_announce_is_refused",
    ),
    Mutant(
        "the signature under a sealed message is not compared",
        NTLM,
        "if not hmac.compare_digest(self._in.signature(plain), data[:16]):",
        "if not self._in.signature(plain):",
        "tests/rdp/security/test_ntlm.py::test_a_changed_octet_is_noticed",
    ),
    Mutant(
        "one challenge answers for many tries",
        NTLM,
        "message, self._authenticate = self._authenticate, None",
        "message = self._authenticate",
        "tests/rdp/security/test_ntlm.py::test_one_authenticate_is_verified_once",
    ),
    Mutant(
        "NTLM without sealing is taken",
        "gateway/rdp/ntlm_messages.py",
        "if missing := NEEDED & ~flags:",
        "if missing := flags & 0:",
        "tests/rdp/security/test_ntlm.py::test_a_weaker_offer_is_refused",
    ),
    Mutant(
        "the list of mechanisms may be changed on the way",
        "gateway/rdp/spnego.py",
        "if not sealing.check_mechanism_mic(self._mechanisms, self._mic):",
        "if not sealing.check_mechanism_mic(self._mechanisms, self._mic) and False:",
        f"{ATTACKS}::test_a_changed_list_of_mechanisms_is_noticed",
    ),
    Mutant(
        "a ticket serves from another address",
        TICKETS,
        'return "" if found.bound_to in {"", address(source)} else "bound to another address"',
        'return ""',
        f"{OF_TICKETS}::test_from_its_first_log_on_a_ticket_is_good_from_that_address_alone",
    ),
    Mutant(
        "a ticket serves after its life",
        TICKETS,
        "        if found.life.passed(self._clock.instant()):\n            return",
        "        if False:\n            return",
        f"{OF_TICKETS}::test_a_ticket_ends_with_its_life_on_either_clock",
    ),
    Mutant(
        "a ticket serves after its grant",
        TICKETS,
        "if until is None or until.passed(self._clock.instant()):",
        "if False:",
        f"{OF_TICKETS}::test_a_ticket_after_its_grant_was_revoked_is_void",
    ),
    Mutant(
        "a ticket is made without a grant of one's own",
        TICKETS,
        '        if until is None:\n            raise Refused("grant_ended"',
        '        if until is None and False:\n            raise Refused("grant_ended"',
        f"{OF_TICKETS}::test_nobody_gets_a_ticket_without_a_grant_of_his_own",
    ),
    Mutant(
        "a page's ticket serves another person (CVE-2025-62712)",
        TICKETS,
        " and found.person == person",
        "",
        f"{OF_TICKETS}::test_57_a_ticket_of_the_page_is_of_no_use_with_another_persons_cookie_or_from_elsewhere",
    ),
    Mutant(
        "a page's ticket serves twice",
        TICKETS,
        "stored.drop(tx, found.id) if web else",
        "stored.bind(tx, found.id, address(source)) if web else",
        f"{OF_TICKETS}::test_57_a_ticket_of_the_page_is_good_once_and_for_a_minute",
    ),
    Mutant(
        "a page's ticket opens the door of clients",
        TICKETS,
        "        if found.web is not web:",
        "        if False:",
        f"{OF_TICKETS}::test_a_ticket_for_a_client_opens_no_page_and_the_other_way_round",
    ),
    Mutant(
        "a newer ticket leaves the older good",
        TICKETS,
        "for old in await stored.drop_of_grant(tx, grant, web=web):",
        "for old in ():",
        f"{OF_TICKETS}::test_a_newer_ticket_takes_the_place_of_the_older",
    ),
    Mutant(
        "guessing tickets does not count against the address",
        TICKETS,
        "        await self._count(tx, name, source, buckets)\n",
        "",
        f"{OF_TICKETS}::test_77_guessing_locks_the_address_at_every_door_and_nobody_else",
    ),
    Mutant(
        "the hash of one ticket opens as another's",
        TICKETS,
        'return f"ticket/{ticket_id}/nt"',
        'return "ticket/nt"',
        f"{OF_TICKETS}::test_67_the_secret_is_nowhere_and_its_hash_opens_for_this_ticket_and_master_key_alone",
    ),
    Mutant(
        "a touched key travels with a ticket",
        TICKETS,
        "if here or p.factor not in PHISHING_RESISTANT",
        "if True",
        f"{OF_TICKETS}::test_a_touched_key_stays_where_it_was_touched",
    ),
    Mutant(
        "an exchanged key may be empty",
        NTLM,
        "if len(message.key) != 16:",
        "if False:",
        f"{BOUNDS}::test_an_exchanged_key_has_16_octets_71",
    ),
    Mutant(
        "a client that reports an error goes on",
        CREDSSP,
        "        if request.error:\n            self.state, self.failure = CredsspState.FAILED, CredsspFailure.PEER",
        "        if False:\n            self.state, self.failure = CredsspState.FAILED, CredsspFailure.PEER",
        f"{BOUNDS}::test_a_client_that_reports_an_error_is_not_let_in_73",
    ),
    Mutant(
        "a target exchanges tokens for ever",
        CREDSSP,
        "if self._rounds > MOST_ROUNDS:",
        "if False:",
        f"{BOUNDS}::test_threat_5_a_target_cannot_exchange_tokens_for_ever_76",
    ),
    Mutant(
        "a target of standard RDP security may send in clear",
        SECURITY,
        "elif not licensing or Flag.LICENSE_PKT not in flags:",
        "elif False:",
        f"{OF_SECURITY}::test_threat_4_what_is_not_encrypted_is_refused",
    ),
    Mutant(
        "a MAC of standard RDP security is not compared",
        "gateway/rdp/standard_security_keys.py",
        "if not hmac.compare_digest(self._signature(data, salted), sealed[:SIGNATURE]):",
        "if not self._signature(data, salted):",
        f"{OF_SECURITY}::test_threat_4_a_pdu_that_was_changed_on_its_way_is_refused",
    ),
    Mutant(
        "a target chooses a weaker method than was asked for",
        SECURITY,
        "if method not in STRENGTHS or not method & self.methods:",
        "if method not in STRENGTHS:",
        f"{OF_SECURITY}::test_a_target_does_not_choose_what_was_not_asked_for",
    ),
    Mutant(
        "the credential is sealed for a key that nobody has looked at",
        SECURITY,
        "        self._step(SecurityState.TRUSTED)\n",
        "        self.state = SecurityState.SECURE\n",
        f"{OF_SECURITY}::test_nothing_is_sealed_before_the_key_is_trusted",
    ),
    Mutant(
        "the key of standard RDP security is not the pinned one",
        "gateway/fronts/rdp/leg.py",
        "                        await self._connection.check_public_key(event.public_key_info)\n",
        "",
        "tests/rdpfront/test_planted_south.py::test_a_key_of_standard_rdp_security_that_is_not_the_pinned_one_gets_nothing_70",
    ),
)
