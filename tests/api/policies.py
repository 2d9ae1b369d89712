"""Policy sets that a test proposes."""

from __future__ import annotations

from gateway.policy import files
from tests.api.site import POLICIES, Site


def proposal(word: str) -> dict[str, str]:
    """The policies that the site began with, and a comment that makes another version of them."""
    return files.read(POLICIES) | {"99-more.cedar": f"// {word}\n"}


async def proposed_by_sam(site: Site) -> tuple[str, str]:
    """A draft: its id, and the digest that its signer is shown."""
    made = await site.services.policy.propose(proposal("a draft"), "a draft", site.persons["sam"])
    return made.id, made.digest
