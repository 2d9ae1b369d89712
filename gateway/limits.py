"""Every limit of the gateway, one a line, with unit and reason. Limits that a site may change are in `config.py`."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

NAME_OCTETS: Final = 64  # octets of any name a person chooses; a name is read out on the phone
TEXT_CHARACTERS: Final = 2000  # characters of purpose, reason, notice: one screen
LOGIN_OCTETS: Final = 255  # octets of an SSH user name; PERSON+TARGET+ACCOUNT fits thrice

STORE_WAIT: Final = timedelta(seconds=5)  # a writer waits this long, then the answer is no (access model, rule 15)
HUB_QUEUE: Final = 1000  # events that one subscriber may lag behind before it is told to read afresh

CODE_DRIFT_STEPS: Final = 1  # TOTP steps of 30 s accepted to either side (RFC 6238 5.2)
PERSON_FAILURES: Final = 5  # failed log-ins of one person before he waits
PERSON_LOCK: Final = timedelta(minutes=15)
SOURCE_FAILURES: Final = 20  # failed log-ins from one source address before it waits
SOURCE_LOCK: Final = timedelta(minutes=5)
DECISION_FRESHNESS: Final = timedelta(minutes=2)  # how long a fresh code serves one decision in the page
SIGN_IN_IDLE: Final = timedelta(minutes=30)  # page session without a request
SIGN_IN_LIFE: Final = timedelta(hours=12)  # page session at most: one shift

SSH_PENDING: Final = 100  # connections not yet authenticated, in all (OpenSSH MaxStartups full)
SSH_PENDING_PER_SOURCE: Final = 20
SSH_GRACE: Final = timedelta(seconds=60)  # to prove who one is, each stage
SSH_ATTEMPTS: Final = 6  # failed proofs on one connection (OpenSSH MaxAuthTries)
SSH_CHANNELS: Final = 64  # channels open at once on one connection
SSH_CONNECTIONS: Final = 1000  # connections in all
PENALTY_FIRST: Final = timedelta(seconds=5)  # a source that failed waits; doubles each time
PENALTY_MOST: Final = timedelta(minutes=10)
PENALTY_SOURCES: Final = 65536  # sources remembered

HOLD_LONGEST: Final = timedelta(minutes=30)  # a person waits in his terminal at most this long
HOLD_STEP: Final = timedelta(seconds=5)  # a hold says at least this often that it still holds
VISIT_GRACE: Final = timedelta(minutes=2)  # a session lives this long without a connection (access model, rule 5)
SOUTH_CONNECT: Final = timedelta(seconds=10)  # to open a connection to a target, key exchange included
KILL_LIMIT: Final = timedelta(seconds=2)  # from decision to the last byte

SEGMENT_AGE: Final = timedelta(seconds=10)  # a recorded frame stays unsigned at most this long
SEGMENT_OCTETS: Final = 2 << 20  # plain octets between checkpoints: what a seek must decode
FRAME_OCTETS: Final = 16 << 20  # octets of a frame's body; longer is refused by writer and reader
WATCH_QUEUE: Final = 4 << 20  # octets that a viewer may lag behind before it gets a fresh picture
