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
PERSON_FAILURES_ANYWHERE: Final = 20  # failed log-ins of one person from addresses he never came from
CODE_SEARCH_STEPS: Final = 20  # TOTP steps to either side searched to tell a wrong code from a wrong clock
FIRST_FACTOR_AGE: Final = timedelta(minutes=40)  # a first factor serves its connection, the longest hold included
SECOND_FACTOR_AGE: Final = timedelta(hours=12)  # at the very most; each policy obliges to less
PROOFS_KEPT: Final = timedelta(days=30)  # proofs remembered: an address with one is familiar
TICKET_LIFE: Final = timedelta(hours=8)  # for an RDP client; never past its grant
WEB_TICKET_LIFE: Final = timedelta(seconds=60)  # for the page that asked, once (security 57)
API_TOKEN_LIFE: Final = timedelta(days=90)  # at most; then its person decides anew
API_TOKENS_OF_PERSON: Final = 20  # that may still be used
API_TOKEN_NETWORKS: Final = 16  # that one is bound to
API_TOKEN_SAID: Final = timedelta(hours=1)  # a use from the same network is an audit event once in so long
API_TOKEN_KEPT: Final = timedelta(days=90)  # in the list, after its end
POLICY_FILES: Final = 500  # files of one policy set, cases included
POLICY_CASES: Final = 2000  # cases of one policy set: each is asked when it is made active
POLICY_OCTETS: Final = 1 << 20  # octets of one policy set; 100 policies with cases take 150 KiB
INVITATION_LIFE: Final = timedelta(hours=72)  # C21
SETUP_LIFE: Final = timedelta(hours=24)  # a restart makes a new one
PASSWORD_LEAST: Final = 12  # characters
PASSWORD_MOST: Final = 256  # characters; what is hashed must be bounded
HASHES_AT_ONCE: Final = 2  # argon2 takes 46 MiB and a core each
HASH_WAIT: Final = timedelta(seconds=15)  # for a turn to hash; then the answer is no
KEYS_OF_PERSON: Final = 20  # SSH public keys of one person
PUBLIC_KEY_OCTETS: Final = 8192  # a line of authorized_keys; RSA 16384 takes 2800

FRONT_PENDING: Final = 100  # connections not yet authenticated, at one front in all (OpenSSH MaxStartups full)
FRONT_PENDING_PER_SOURCE: Final = 20
FRONT_CONNECTIONS: Final = 1000  # connections at one front in all
FRONT_DETAIL: Final = 200  # characters of what a peer asked for or said, in the audit log
SSH_GRACE: Final = timedelta(seconds=60)  # to prove who one is, each stage
SSH_ATTEMPTS: Final = 6  # failed proofs on one connection (OpenSSH MaxAuthTries)
SSH_OFFERS: Final = 20  # keys, names and methods that one connection may try in vain; an agent may hold many keys
SSH_REFUSALS: Final = 100  # requests that the gateway does not carry, on one connection; each is an audit event
SSH_CHANNELS: Final = 64  # channels open at once on one connection
SSH_FORWARDS: Final = 32  # forwards open at once on one connection; an engineering tool takes a handful
SSH_JUMPS: Final = 8  # targets that one connection leads on to at once; each is a connection of its own
HOST_CERTIFICATE_LIFE: Final = timedelta(hours=1)  # before and after it is made: clients' clocks are off
PENALTY_FIRST: Final = timedelta(seconds=5)  # a source that failed waits; doubles each time
PENALTY_MOST: Final = timedelta(minutes=10)
RDP_FIRST_OCTETS: Final = 1024  # octets of what comes before TLS: a routing token and a negotiation request
RDP_FIRST: Final = timedelta(seconds=10)  # for it to come, or for a browser's first message
RDP_FIRST_MESSAGE: Final = 4 * RDP_FIRST_OCTETS  # octets of that: a token and a Connection Request in DER
RDP_HANDSHAKE: Final = timedelta(seconds=10)  # for TLS with a client, and again for CredSSP
RDP_ARRIVING: Final = timedelta(seconds=60)  # from the log-on to a client that can be drawn to
RDP_OPENING: Final = timedelta(seconds=30)  # of a target, log-on to Demand Active: a busy Windows takes its time
RDP_PIXELS: Final = 2 * 3840 * 2160  # of a client's desktop: each costs memory and time to draw a hold on
RDP_CLIPBOARD_OCTETS: Final = 1 << 20  # octets of one text that passes through the clipboard
RDP_READ_AHEAD: Final = 256 << 10  # octets received and not yet looked at
RDP_WRITE_AHEAD: Final = 256 << 10  # octets on their way to a peer: what a slow client lags behind at most
RDP_UNTAKEN: Final = timedelta(seconds=30)  # that sent octets may stay unacknowledged
RDP_FREE: Final = 4  # failed log-ons of a source before it waits: clients try each password twice, people err once
PENALTY_SOURCES: Final = 65536  # sources remembered

HOLD_LONGEST: Final = timedelta(minutes=30)  # a person waits in his terminal at most this long
HOLD_STEP: Final = timedelta(seconds=15)  # a hold says this often that it still holds: libssh2 gives up after 60 s
VISIT_GRACE: Final = timedelta(minutes=2)  # a session lives this long without a connection (access model, rule 5)
OBSERVER_GRACE: Final = timedelta(minutes=1)  # input stays frozen this long for an observer to come back
RECORDER_PATIENCE: Final = timedelta(minutes=5)  # a paused session waits this long for its recorder
STORE_SILENT: Final = timedelta(seconds=4)  # sessions end when the store took nothing for this long (rule 15)
EXCEPTIONS_A_TARGET: Final = 32  # proposed or accepted, and not over: each is read with every decision about it
EXCEPTION_LONGEST: Final = timedelta(days=366)  # of a security exception; then somebody decides again (C34)
SOUTH_CONNECT: Final = timedelta(seconds=10)  # to open a connection to a target, key exchange included
FILES_UNWRITTEN: Final = 10_000  # lines of the ledger that wait for the store, a session; 20 s of the fastest client
FILE_PERMITS: Final = timedelta(seconds=1)  # while operations run, what is permitted of them is asked this often
FILE_REFUSALS: Final = 100  # refused operations of one channel put on record, and different words that are said
FILE_ANSWER: Final = timedelta(minutes=2)  # a target that leaves a request unanswered this long is given up
SFTP_PACKET_OCTETS: Final = 257 << 10  # octets of one SFTP packet: OpenSSH takes 256 KiB, and others a header more
SFTP_IN_FLIGHT: Final = 1024  # requests of one client that the target has not answered; OpenSSH has 64, sshfs more
SFTP_IN_FLIGHT_OCTETS: Final = 64 << 20  # octets of content that these carry or ask for
SFTP_HANDLES: Final = 256  # files and directories of one client open at once (sshd allows its processes 1024)
SFTP_HANDLE_OCTETS: Final = 256  # octets of a handle of the target's (draft-ietf-secsh-filexfer-02 section 3)
SFTP_PATH_OCTETS: Final = 4096  # octets of a path (PATH_MAX)
SFTP_PATH_PARTS: Final = 64  # directories deep below a permitted path: each is looked at
SFTP_TEXT_OCTETS: Final = 1024  # octets of a target's words that the client gets to read
SFTP_RANGES: Final = 256  # ranges of one file in the ledger
SFTP_WINDOW: Final = 4 << 20  # octets of one file that wait for an earlier block, for its digest
SFTP_WINDOWS: Final = 32 << 20  # octets of all files of a channel that wait so
SFTP_HELD: Final = 1024  # held files of one channel that it still knows by name
LEDGER_BEHIND: Final = timedelta(minutes=1)  # of a recording that is read for lines that a dead process did not write
HELD_FILE_OCTETS: Final = 2 << 30  # of one held upload: a firmware image or a project archive
HELD_OCTETS: Final = 16 << 30  # of all of them on the gateway's disk
HELD_LIFE: Final = timedelta(days=7)  # nobody decided: a held upload is dropped
KILL_LIMIT: Final = timedelta(seconds=2)  # from decision to the last byte
LAST_WORDS: Final = KILL_LIMIT / 4  # for a client to read why and go by itself, before it is disconnected
LAST_WORDS_BEHIND: Final = KILL_LIMIT * 0.9  # for one that still takes what was on its way

SEGMENT_AGE: Final = timedelta(seconds=10)  # a recorded frame stays unsigned at most this long
SEGMENT_OCTETS: Final = 2 << 20  # plain octets between checkpoints: what a seek must decode
SEGMENT_DESKTOP: Final = 8 << 20  # the same of a desktop: two seconds of heavy scrolling
FRAME_OCTETS: Final = 16 << 20  # octets of a frame's body; longer is refused by writer and reader
WATCH_QUEUE: Final = 4 << 20  # octets that a viewer may lag behind before it gets a fresh picture
WATCH_DESKTOP: Final = 16 << 20  # the same of a desktop: the raw pixels of 1920x1080 twice

REQUEST_WINDOW: Final = timedelta(days=30)  # longest window one request may ask for; longer work is asked for again
REQUESTS_PENDING: Final = 10  # requests of one person that wait for a decision: an approver reads each
SWEEP_BATCH: Final = 100  # rows that one sweep ends in one transaction; other writers get their turn
CLOCK_SEEN: Final = timedelta(seconds=10)  # how stale the clock reading that a restart is measured by may be

API_CLIENT_WAIT: Final = timedelta(seconds=30)  # of the command line, for each step of an answer
API_CLIENT_ANSWER_OCTETS: Final = 32 << 20  # octets of one answer that the command line takes
IDEMPOTENCY_KEPT: Final = timedelta(hours=24)  # an answer, for who asks again with its key
IDEMPOTENCY_KEYS: Final = 1000  # kept of one person at once
IDEMPOTENCY_KEY_CHARACTERS: Final = 255
AUDIT_LOOKED_AT: Final = 50_000  # entries of the log that one answer to a search without an index looks at
SEARCH_RECORDINGS: Final = 10  # recordings that one answer to a search of all looks into
SEARCH_PARTS: Final = 20  # parts of them, of a few megabytes each
SEARCH_HITS: Final = 200  # lines in one answer
AUDIT_PAGE: Final = 1000  # entries of the log in one answer
API_BODY_OCTETS: Final = 64 << 10  # octets of a request's body: the longest texts of a form, several times
API_POLICY_OCTETS: Final = 3 << 20  # octets of a body with a whole policy set, as JSON writes it
API_LIVE_PER_PERSON: Final = 16  # WebSockets of one person: tabs and watched sessions
SEARCH_CHARACTERS: Final = 200  # of a text that is looked for in a recording: two lines of a terminal
API_LIVE: Final = 500  # WebSockets in all
API_LIVE_SEND: Final = timedelta(seconds=10)  # a viewer that does not take a message for so long is gone
API_LIVE_CHECK: Final = timedelta(seconds=15)  # a WebSocket's sign-in is looked at again at least this often

SECRET_OCTETS: Final = 16 << 10  # octets of a target's password or private key: RSA of 16384 bits fits
CERTIFICATE_EARLY: Final = timedelta(minutes=1)  # a certificate is good from so long ago: targets' clocks lag
