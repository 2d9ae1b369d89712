"""The breaks that are planted, each with the one test that must notice."""

from typing import Final

from tests.mutants import core, files, rdp_log_on, rdp_share, rdp_visit, rdp_wire
from tests.mutants.model import Mutant

MUTANTS: Final[tuple[Mutant, ...]] = (
    *core.MUTANTS,
    *files.MUTANTS,
    *rdp_visit.MUTANTS,
    *rdp_log_on.MUTANTS,
    *rdp_share.MUTANTS,
    *rdp_wire.MUTANTS,
)
