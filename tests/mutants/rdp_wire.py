"""Breaks of how RDP is read (bounds that are gone), and of what is asked of a target."""

from typing import Final

from tests.mutants.model import Mutant

RDP: Final = "gateway/rdp"
TESTS: Final = "tests/rdp/wire"
PLANTED: Final = "tests/rdp/test_planted.py"

MUTANTS = (
    Mutant(
        "a reader goes back when a length is negative",
        f"{RDP}/octets.py",
        "if not 0 <= count <= self.left:",
        "if not count <= self.left:",
        f"{TESTS}/test_tpkt.py::test_a_reader_takes_what_is_there_and_no_more",
    ),
    Mutant(
        "a reader gives less than was asked for",
        f"{RDP}/octets.py",
        "if not 0 <= count <= self.left:",
        "if not 0 <= count:",
        f"{TESTS}/test_tpkt.py::test_a_reader_takes_what_is_there_and_no_more",
    ),
    Mutant(
        "octets after the last field pass",
        f"{RDP}/octets.py",
        "        if self.left:\n",
        "        if False:\n",
        f"{TESTS}/test_mcs.py::test_a_pdu_with_an_octet_less_or_more_is_refused",
    ),
    Mutant(
        "a frame may be shorter than its header",
        f"{RDP}/tpkt.py",
        "if length < least:",
        "if not length:",
        f"{TESTS}/test_tpkt.py::test_a_length_that_cannot_be_is_refused",
    ),
    Mutant(
        "a long frame is waited for",
        f"{RDP}/tpkt.py",
        "if length > self._most:",
        "if False:",
        f"{TESTS}/test_tpkt.py::test_threat_5_a_long_length_is_refused_before_its_octets_come",
    ),
    Mutant(
        "the length indicator of X.224 is not compared",
        f"{RDP}/x224.py",
        "!= src.left or not FIXED",
        "< 0 or not FIXED",
        f"{TESTS}/test_x224.py::test_a_request_that_lies_is_refused",
    ),
    Mutant(
        "a fragmented length of PER is read as a short one",
        f"{RDP}/per.py",
        "if first & 0x40:",
        "if False:",
        f"{PLANTED}::test_threat_5_a_length_of_per_in_fragments_is_refused_though_its_octets_are_there_76",
    ),
    Mutant(
        "segmented user data of MCS is read as whole",
        f"{RDP}/mcs.py",
        "if src.u8() & SEGMENTATION != SEGMENTATION:",
        "if src.u8() < 0:",
        f"{TESTS}/test_mcs.py::test_a_pdu_that_lies_is_refused",
    ),
    Mutant(
        "the length of MCS user data is not looked at",
        f"{RDP}/mcs.py",
        "return cls(initiator, channel, src.take(per.read_length(src)))",
        "return cls(initiator, channel, src.take(max(per.read_length(src) and 0, src.left)))",
        f"{TESTS}/test_mcs.py::test_a_pdu_with_an_octet_less_or_more_is_refused",
    ),
    Mutant(
        "the length of GCC user data is not compared",
        f"{RDP}/gcc.py",
        "if length != src.left:",
        "if False:",
        f"{PLANTED}::test_threat_5_gcc_user_data_is_as_long_as_it_says_76",
    ),
    Mutant(
        "a GCC block may be shorter than its header",
        f"{RDP}/gcc.py",
        "        if size < BLOCK_HEADER:",
        "        size = max(size, BLOCK_HEADER)\n        if False:",
        f"{PLANTED}::test_threat_5_a_gcc_block_has_room_for_its_header_76",
    ),
    Mutant(
        "a GCC block may come twice",
        f"{RDP}/gcc.py",
        "if kind in known or",
        "if",
        f"{TESTS}/test_gcc.py::test_threat_5_blocks_that_lie_are_refused",
    ),
    Mutant(
        "a client may list any number of channels",
        f"{RDP}/gcc.py",
        "if (count := src.u32le()) > CHANNELS_MOST:",
        "if (count := src.u32le()) > 0xFFFF:",
        f"{PLANTED}::test_threat_5_a_client_lists_31_channels_and_no_more_76",
    ),
    Mutant(
        "a server may give any number of channels",
        f"{RDP}/gcc.py",
        "        if count > CHANNELS_MOST:",
        "        if False:",
        f"{PLANTED}::test_threat_5_a_server_gives_31_channels_and_no_more_76",
    ),
    Mutant(
        "a string of Client Info may have any length",
        f"{RDP}/client_info.py",
        "if size > STRING_OCTETS or size % width:",
        "if size % width:",
        f"{PLANTED}::test_threat_5_a_string_of_client_info_has_512_octets_at_most_76",
    ),
    Mutant(
        "extended information of Client Info may have any length",
        f"{RDP}/client_info.py",
        "if src.left > EXTRA_OCTETS:",
        "if False:",
        f"{TESTS}/test_client_info.py::test_client_info_that_lies_is_refused",
    ),
    Mutant(
        "a length of BER may have any number of octets",
        f"{RDP}/ber.py",
        "if size not in (1, 2):",
        "if False:",
        f"{PLANTED}::test_threat_5_a_length_of_ber_has_one_or_two_octets_though_all_are_there_76",
    ),
    Mutant(
        "a DER element may have any size",
        f"{RDP}/der.py",
        "if header + length > most:",
        "if False:",
        "tests/rdp/security/test_der.py::test_a_length_of_two_gigabytes_or_without_end_is_refused_at_once",
    ),
    Mutant(
        "an indefinite length of DER is read",
        f"{RDP}/der.py",
        "if not 1 <= count <= DEEPEST_LENGTH:",
        "if not count <= DEEPEST_LENGTH:",
        "tests/rdp/security/test_der.py::test_a_length_of_two_gigabytes_or_without_end_is_refused_at_once",
    ),
    Mutant(
        "a DER element may end before its length says",
        f"{RDP}/der.py",
        "if span is None or span[1] > len(self._data):",
        "if span is None:",
        "tests/rdp/security/test_der.py::test_a_truncated_tsrequest_is_refused",
    ),
    Mutant(
        "somebody in between who weakened the request is not noticed",
        f"{RDP}/connector.py",
        "seen != self._requested:",
        "seen is self:",
        f"{TESTS}/test_connector_table.py"
        "::test_threat_5_somebody_between_us_and_the_target_who_weakens_the_request_is_noticed",
    ),
    Mutant(
        "a target is asked for every channel of the client",
        f"{RDP}/asking.py",
        "in channels and name not in kept:",
        "not in kept:",
        f"{TESTS}/test_connector.py::test_only_the_allowed_channels_exist_for_the_target",
    ),
    Mutant(
        "the auto-reconnect cookie of the client goes to the target",
        f"{RDP}/asking.py",
        "client.without_reconnect_cookie(),",
        "client,",
        f"{TESTS}/test_connector.py::test_no_shell_no_compression_no_remote_application_and_no_way_back_in",
    ),
    Mutant(
        "the target is told the secret of the ticket",
        f"{RDP}/asking.py",
        "password=logon.password,",
        "password=client.password,",
        f"{TESTS}/test_connector.py::test_the_account_of_the_grant_logs_on_and_nothing_of_the_ticket_is_told",
    ),
)
