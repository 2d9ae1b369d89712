"""Typed input as a reader may see it: opened where the recording has its key, counted where it has not. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.recording.format import BURST, COUNT, KEY, TAG, TYPED, burst_nonce, burst_purpose
from gateway.recording.model import Kind, Record

AHEAD_US: Final = 5_000_000  # the key of a burst follows it by 4 s at most: 2 s of silence, 2 s for the echo

Keys = dict[tuple[int, int], bytes]


def keys_in(records: Iterable[Record]) -> Keys:
    """The keys of echoed bursts, by stream and burst."""
    found: Keys = {}
    for record in records:
        if record.kind == Kind.BURST and len(record.payload) == BURST.size + KEY:
            (burst,) = BURST.unpack_from(record.payload)
            found[record.stream, burst] = record.payload[BURST.size :]
    return found


def opened(records: Iterable[Record], keys: Keys) -> Iterator[Record]:
    """INPUT becomes plain, or HIDDEN with its length; keys are not handed out."""
    for record in records:
        if record.kind == Kind.INPUT:
            yield _open(record, keys)
        elif record.kind != Kind.BURST:
            yield record


def _open(record: Record, keys: Keys) -> Record:
    sealed = record.payload[TYPED.size :]
    hidden = Record(Kind.HIDDEN, record.stream, record.at_us, COUNT.pack(max(0, len(sealed) - TAG)))
    if len(sealed) < TAG:
        return hidden
    burst, place = TYPED.unpack_from(record.payload)
    if (key := keys.get((record.stream, burst))) is None:
        return hidden
    try:
        plain = AESGCM(key).decrypt(burst_nonce(place), sealed, burst_purpose(record.stream, burst))
    except InvalidTag:
        return hidden
    return Record(Kind.INPUT, record.stream, record.at_us, plain)
