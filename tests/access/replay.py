"""The states of requests, grants and releases, told from the audit log alone."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from gateway.audit.model import Entry


@dataclass
class Told:
    requests: dict[str, str] = field(default_factory=dict)
    grants: dict[str, str] = field(default_factory=dict)
    releases: dict[str, str] = field(default_factory=dict)
    approvals: dict[str, list[str]] = field(default_factory=dict)
    sessions: dict[str, str] = field(default_factory=dict)  # of each used release
    extended: dict[str, float] = field(default_factory=dict)


ENDS = {
    "access.request.approved": ("requests", "request", "approved"),
    "access.request.denied": ("requests", "request", "denied"),
    "access.request.cancelled": ("requests", "request", "cancelled"),
    "access.request.expired": ("requests", "request", "expired"),
    "access.grant.started": ("grants", "grant", "live"),
    "access.grant.revoked": ("grants", "grant", "revoked"),
    "access.grant.used": ("grants", "grant", "used"),
    "access.grant.expired": ("grants", "grant", "expired"),
    "access.release.used": ("releases", "release", "used"),
    "access.release.expired": ("releases", "release", "expired"),
    "access.release.withdrawn": ("releases", "release", "withdrawn"),
}
BEGINS = {
    "access.request.made": ("requests", "request", "pending"),
    "access.grant.made": ("grants", "grant", "scheduled"),
    "access.release.armed": ("releases", "release", "armed"),
}


def replay(entries: Iterable[Entry]) -> Told:
    told = Told()
    for entry in entries:
        values = entry.values()
        if entry.name in BEGINS:
            table, key, state = BEGINS[entry.name]
            assert values[key] not in getattr(told, table), "born twice"
            getattr(told, table)[values[key]] = state
        if entry.name in ENDS:
            table, key, state = ENDS[entry.name]
            before = getattr(told, table)[values[key]]
            assert before in {"pending", "scheduled", "live", "armed"}, f"{before} moved to {state}"
            getattr(told, table)[values[key]] = state
        match entry.name:
            case "access.approval.given":
                told.approvals.setdefault(values["request"], []).append(entry.actor)
            case "access.approval.voided":
                told.approvals[values["request"]].remove(values["approver"])
            case "access.release.used":
                told.sessions[values["release"]] = values["session"]
            case "access.grant.extended":
                told.extended[values["grant"]] = values["extended"]
    return told
