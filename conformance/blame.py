"""Which requirement an answer breaks that is not the model's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from conformance.model import ENDED_OFFER, EXITS, INTRODUCTION, ROTATION, Act, View, World
from conformance.model_home import Model, Verdict
from conformance.target import Answer
from vrmproto.spec import Spec

__all__ = ["Deviation", "Former", "by_cause", "of_inbox", "of_refusal", "of_state", "wrong"]

Former = Mapping[str, Mapping[str, str]]
"""Of each thread: who was its first party before, and the type of message that has changed that."""
ENDED_BELOW = {"consent": "VRM-CNS-006", "dialogue": "VRM-DLG-004", "data": "VRM-DAT-005"}
"""What says that a thread ends with its relationship."""
BY_CAUSE = {
    "orphaned": "VRM-INT-010",
    "filled": "VRM-INT-011",
    "superseded": "VRM-TRM-011",
    "severed": "VRM-REL-010",
    "released": "VRM-CNS-006",
    "removed": "VRM-BRD-017",
    "deadline": "VRM-THR-018",
}
BY_CODE = {
    "thread-unknown": "VRM-THR-002",
    "aud-mismatch": "VRM-THR-003",
    "state-conflict": "VRM-THR-005",
    "claim-missing": "VRM-THR-007",
    "prev-unknown": "VRM-THR-011",
}


@dataclass(frozen=True)
class Deviation:
    """An answer that is not the model's."""

    requirement: str
    expected: str
    got: str

    def like(self, other: Deviation | None) -> bool:
        """Whether two are the same way of being wrong."""
        if other is None:
            return False
        return self.requirement == other.requirement or (self.expected, self.got) == (
            other.expected,
            other.got,
        )


def by_cause(view: View) -> str:
    """The requirement that has brought a state about; '' if a message has."""
    if not view.causes or view.causes[-1][2] != view.seq:
        return ""
    state, cause, _ = view.causes[-1]
    if cause == "orphaned" and view.kind in ENDED_BELOW:
        return ENDED_BELOW[view.kind]
    return "VRM-OFR-024" if state in ENDED_OFFER else BY_CAUSE[cause]


def of_refusal(spec: Spec, world: World, former: Former, act: Act, verdict: Verdict) -> str:
    """The requirement by which the model refuses."""
    if verdict.status == 200:
        return "VRM-ENV-022"
    if verdict.rule:
        return verdict.rule
    code = min(verdict.codes)
    view = world.views.get(act.thid or "")
    before = former.get(act.thid or "", {})
    if code == "thread-unknown" and view is not None:
        if act.type == ROTATION and act.sender in view.parties:
            if world.committed.get(view.pair):
                return "VRM-ID-020"
            return "VRM-ID-022" if world.of_pair((act.iss, view.second)) else "VRM-ID-021"
        if act.sender in before:
            return "VRM-OFR-022" if before[act.sender] == INTRODUCTION else "VRM-ID-024"
    if code == "aud-mismatch" and act.aud in before:
        return "VRM-OFR-023" if before[act.aud] == INTRODUCTION else "VRM-ID-025"
    if code == "state-conflict" and view is not None:
        if view.kind == "terms" and act.type == "terms.alternative":
            return "VRM-TRM-008"
        return by_cause(view) or BY_CODE[code]
    return BY_CODE.get(code) or str(spec.errors[code]["requirement"])


def wrong(
    spec: Spec, world: World, former: Former, act: Act, verdict: Verdict, got: str, answer: Answer
) -> Deviation:
    """What an answer to a message breaks; ``got`` says it in a few words."""
    if not verdict.taken:
        codes = " or ".join(sorted(f"{spec.errors[code]['status']} {code}" for code in verdict.codes))
        return Deviation(of_refusal(spec, world, former, act, verdict), codes or "200", got)
    document = answer.document if isinstance(answer.document, dict) else {}
    named = str(document.get("requirement", ""))
    if named not in spec.requirements or spec.requirements[named].code != answer.code:
        named = str(spec.errors.get(answer.code, {}).get("requirement", "")) or "VRM-THR-005"
    if answer.code in ("state-conflict", "role-forbidden", "deadline-passed") and act.thid:
        view = world.views[act.thid]
        named = by_cause(view) or ("VRM-INT-010" if view.state == "accepted" else named)
    freely = "VRM-THR-014" if act.type in EXITS else "VRM-THR-013"
    limits = {"inbox-full": "VRM-HOM-024", "prev-unknown": freely, "prev-stale": freely}
    return Deviation(limits.get(answer.code, named), f"202 {verdict.state}", got)


def of_state(view: View, got: str, *, shown: bool, refused: bool) -> str:
    """What a wrong state breaks. ``shown``: the right one was read before. ``refused``: a message was."""
    rule = by_cause(view)
    if rule == "VRM-INT-011" and shown:
        return "VRM-INT-012"
    if rule:
        return rule
    if refused:
        return "VRM-THR-016"
    wrongly = {"superseded": "VRM-TRM-011", "purge-overdue": "VRM-OFR-024", "removed": "VRM-BRD-017"}
    if got == "ended" and view.kind == "terms":
        return "VRM-REL-011"
    if got == "lapsed" and view.state in ("accepted", "confirmed"):
        return "VRM-INT-010"
    return wrongly.get(got, "VRM-THR-017")


def of_inbox(model: Model, former: Former, act: Act, iss: str) -> str:
    """What a message breaks that is missing in an inbox, or lies there."""
    view = model.world.views[act.thid or act.mid]
    before = former.get(view.thid, {})
    if view.state == "purged" and iss == view.second:
        return "VRM-OFR-026"
    if (view.kind, view.state) == ("relationship", "closed") and iss == view.second:
        return "VRM-REL-012"
    if view.erased and iss == view.second:
        return "VRM-REL-018"
    if act.aud in model.boards:
        return "VRM-INT-013"
    if act.aud != iss or iss in before:
        return "VRM-OFR-021" if INTRODUCTION in before.values() else "VRM-ID-023"
    return "VRM-HOM-020"
