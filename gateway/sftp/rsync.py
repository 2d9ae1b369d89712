"""The command line `rsync --server …` that rsync runs on the target (rsync 3, options.c: server_options).

Only options that name no further file or program are known: nothing is written but below the one place, and nothing is
read but what is named. `-s` (the arguments come later, unseen) is unknown too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from gateway.sftp.commandline import Word, words
from gateway.sftp.ledger import DOWNLOAD, UPLOAD
from gateway.sftp.scp import path_word

PROGRAMS: Final = frozenset({"rsync", "/usr/bin/rsync", "/bin/rsync"})
# Letters without an argument, a block size (-B700), a window (-@1); then `e` with the client's capabilities.
LETTERS: Final = re.compile(
    r"-(?:[AabcDdEgHhIiJjKkLlmNnOopqRrSStUuvWXxyz]|B\d{1,9}|@-?\d{1,9})*(?:e[\d.]{1,16}[A-Za-z]{0,32})?"
)
FLAGS_NAMES: Final = (
    "--append --checksum --compress --copy-links --copy-unsafe-links --delay-updates --delete --delete-after "
    "--delete-before --delete-delay --delete-during --delete-excluded --delete-missing-args --dirs --existing "
    "--force --fuzzy --ignore-errors --ignore-existing --ignore-missing-args --ignore-non-existing --ignore-times "
    "--inplace --list-only --mkpath --munge-links --new-compress --no-compress --no-implied-dirs "
    "--no-inc-recursive --no-i-r --no-r --no-relative --no-specials --numeric-ids --old-compress --open-noatime "
    "--partial --preallocate --protect-args=0 --remove-sent-files --remove-source-files --safe-links --size-only "
    "--specials --stats --trust-sender --use-qsort --zc --zstd"
)
FLAGS: Final = frozenset(FLAGS_NAMES.split())
VALUED_NAMES: Final = (
    "--block-size --bwlimit --checksum-choice --checksum-seed --compress-choice --compress-level "
    "--compress-threads --contimeout --debug --iconv --info --log-format --max-alloc --max-delete --max-size "
    "--min-size --modify-window --out-format --skip-compress --stop-after --timeout"
)
VALUED: Final = frozenset(VALUED_NAMES.split())
VALUE: Final = re.compile(r"[A-Za-z0-9.,:%+_ /-]{0,64}")
DELETES: Final = ("--delete", "--remove-")


@dataclass(frozen=True, slots=True)
class RsyncCommand:
    """A parsed command line.

    Attributes:
        way: `download` when the target is the sender, else `upload`.
        paths: what is sent, or the one place it is received in.
        argv: the whole command line in words.
        deletes: the target deletes what the sender has not, or what it has sent.
        shell: `argv` for a shell: what was a pattern still is one.
    """

    way: str
    paths: tuple[str, ...]
    argv: tuple[str, ...]
    deletes: bool = False
    shell: tuple[str, ...] = field(default=(), repr=False)

    def rebuild(self) -> str:
        """The command line for the target, made of the parse alone."""
        return " ".join(self.shell)


def parse(command: str) -> RsyncCommand | None:
    """`command` when it is one of the known forms, else None."""
    line = words(command)
    if line is None or len(line) < 4 or line[0].text not in PROGRAMS or line[1].text != "--server":
        return None
    sender = line[2].text == "--sender"
    options = list[Word]()
    rest = list(line[3 if sender else 2 :])
    while rest and rest[0].text != ".":
        options.append(rest.pop(0))
    paths = rest[1:]
    if not paths or not all(_known(word) for word in options) or not all(word.text for word in paths):
        return None
    if not sender and len(paths) > 1:
        return None
    head = ("rsync", "--server", *(("--sender",) if sender else ()))
    deletes = any(word.text.startswith(DELETES) for word in options)
    return RsyncCommand(
        DOWNLOAD if sender else UPLOAD,
        tuple(word.text for word in paths),
        (*head, *(word.text for word in (*options, rest[0], *paths))),
        deletes,
        (*head, *(word.shell for word in options), ".", *(path_word(word) for word in paths)),
    )


def _known(word: Word) -> bool:
    """An option that names nothing beyond the paths. The value of one may be quoted, its name not."""
    name, equals, value = word.text.partition("=")
    if word.text in FLAGS or LETTERS.fullmatch(word.text):
        return word.shell == word.text
    return bool(equals) and name in VALUED and VALUE.fullmatch(value) is not None and word.shell[:1] not in "~*?["
