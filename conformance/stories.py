"""Conversations over several threads at once, where bugs like to be: told as lines."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence

from conformance.model import OPENS, View
from conformance.model_below import BELOW
from conformance.moves import HASTE, Moves
from conformance.player import Player
from conformance.traces import Step

__all__ = ["STORIES", "everybody", "look", "name_of", "needs", "tell"]

STORIES: dict[str, tuple[str, ...]] = {
    "a filled intent stays filled": (
        "publish accepts=1", "a make vic", "b make vera", "a 1 offer.accept", "b 1 offer.accept",
        "a 2 offer.confirm", "look", "c make vera", "a 1 offer.cancel", "look", "b 1 offer.accept",
        "b 2 offer.revise", "c make vera", "a 2 purge.attest", "look",
    ),
    "a place that is held": (
        "publish accepts=1", "a make vic", "b make vera", "a 1 offer.accept", "b 1 offer.accept",
        "a 2 offer.cancel", "b 1 offer.accept", "look", "b 2 offer.confirm", "b 2 order.fulfil",
        "b 2 purge.attest", "c make vic", "look",
    ),
    "an amendment fills": (
        "publish accepts=2", "a make vic", "b make vera", "a 1 offer.accept", "a 2 offer.confirm",
        "look", "amend accepts=1", "look", "b 1 offer.accept", "c make vera", "amend accepts=2",
        "b 1 offer.accept", "c make vera", "look",
    ),
    "accepted offers outlive the intent": (
        "publish accepts=2", "a make vic", "b make vera", "a 1 offer.accept", "i 1 intent.withdraw",
        "look", "a 1 disclosure.release", "a 2 offer.confirm", "b 1 offer.accept", "a 2 order.fulfil", "look",
    ),
    "all offers that were ever made": (
        "publish accepts=2 per_vendor=1", "a make vic", "a 2 offer.withdraw", "b make vic",
        "a 2 purge.attest", "b make vic", "b make vera", "look",
    ),
    "an old version": (
        "publish accepts=2", "a make vic", "amend accepts=2", "a 2 offer.revise", "b make vera old",
        "i 1 intent.amend early", "i 1 intent.amend late", "a 1 offer.accept", "a 2 offer.revise", "look",
    ),
    "an intent that expires": ("publish accepts=1 until=4", "a make vic", "wait", "look"),
    "a place that is free again": (
        "publish accepts=1 confirm_by=4", "a make vic", "b make vera", "a 1 offer.accept", "wait",
        "b 1 offer.accept", "look",
    ),
    "whose domain is not verified": ("publish accepts=1 unverified=0", "a make vic", "look"),
    "as many as she wants to hear": (
        "publish accepts=2 offers=2", "a make vic", "b make vera", "c make vic", "a 1 offer.decline",
        "c make vera", "look",
    ),
    "what was offered before": (
        "publish accepts=1", "a make vic", "a 2 offer.revise", "a 1 offer.accept takes",
        "a 2 offer.message", "a 1 offer.accept stale", "a 1 offer.accept", "a 2 offer.confirm takes", "look",
    ),
    "an introduction": (
        "publish accepts=2", "a make vic", "b make vic", "t terms ann vic", "a 1 offer.accept",
        "a 2 offer.message", "a 1 agent.introduce proof", "a 1 agent.introduce", "look",
        "a 1 offer.message former", "a 2 offer.message former-aud", "a 1 offer.message", "b 1 offer.message",
        "t 1 agent.rotate", "look",
    ),
    "a rotation": (
        "t terms ann vic", "u terms ann vic", "v terms ann vera", "t 2 terms.accept",
        "u 2 terms.alternative", "t 1 agent.rotate", "look", "u 1 terms.accept", "t 1 agent.rotate proof",
        "t 1 agent.rotate", "t 1 agent.rotate party", "v 1 terms.withdraw", "look",
        "t 1 agreement.terminate former", "t 2 agreement.terminate former-aud", "look",
        "t 1 agreement.terminate", "look",
    ),
    "a purge": (
        "publish accepts=1", "a make vic", "a 1 offer.message", "b make vera", "a 2 offer.withdraw",
        "a 2 purge.attest", "look", "amend accepts=1", "i 1 intent.pause", "b make vic", "look",
        "i 1 intent.close", "look",
    ),
    "two agreements of two classes": (
        "t terms ann vic", "t 2 terms.accept", "u terms ann vic PDC-AI", "u 2 terms.accept", "look",
        "u 1 agreement.terminate", "look",
    ),
    "two agreements of one class": (
        "t terms ann vic", "t 2 terms.accept", "u terms ann vic", "look", "u 2 terms.accept", "look",
        "t 1 agreement.terminate", "w terms ann vera", "w 2 terms.accept", "look",
    ),
    "feedback beside an agreement": (
        "f feedback ann vic", "t terms ann vic", "t 2 terms.accept", "f 2 feedback.outcome",
        "t 1 agent.rotate", "look", "f 1 feedback.retract former", "f 2 feedback.outcome",
        "f 2 feedback.acknowledge", "t 1 agreement.terminate", "f 2 feedback.outcome",
        "f 1 feedback.retract stale",
        "f 2 feedback.outcome", "f 1 feedback.retract", "look",
    ),
    "a dispute about terms": (
        "t terms ann vic", "d dispute t 1", "t 2 terms.accept", "d dispute t 1", "d 2 dispute.close",
        "d 2 dispute.note", "e dispute t 2", "t 1 agent.rotate", "look", "d 1 dispute.note former",
        "d 2 dispute.note", "e 2 dispute.close", "t 1 agreement.terminate", "d 1 dispute.close stale",
        "f dispute t 2", "f 1 dispute.close", "look",
    ),
    "what a dispute holds of a purged offer": (
        "publish accepts=1", "a make vic", "a 1 offer.message", "a 2 offer.message", "a 1 offer.decline",
        "d dispute a 1 all", "a 2 purge.attest", "look", "e dispute a 2 all", "d 1 dispute.close", "look",
        "d dispute a 1 all", "look",
    ),
    "up the ladder and down": (
        "t terms ann vic", "t 2 terms.accept", "r relate t", "r relate t", "r 2 relationship.invite",
        "r 1 relationship.step", "r 2 relationship.invite rung", "r 2 relationship.invite", "look",
        "r 2 relationship.invite", "r 1 relationship.decline", "r 2 relationship.invite",
        "r 1 relationship.step", "r 2 relationship.invite", "r 1 relationship.retreat stale",
        "r 1 relationship.step", "look",
    ),
    "under another agreement": (
        "t terms ann vic SD-BASE-A", "t 2 terms.accept", "r relate t", "r 1 relationship.step",
        "r 1 relationship.step", "r 1 relationship.step", "r 1 relationship.step", "r 1 relationship.step",
        "u terms ann vic SD-BASE", "u 2 terms.accept", "r 2 relationship.invite",
        "r 2 relationship.invite rung", "r 1 relationship.step", "u 1 agreement.terminate",
        "r 2 relationship.invite", "r 1 relationship.step", "r 1 relationship.retreat", "look",
    ),
    "a consent and what it is for": (
        "t terms ann vic SD-BASE", "t 2 terms.accept", "r relate t", "r up subscriber",
        "c below r 2 consent.request", "d below r 2 dialogue.message", "c 1 consent.grant",
        "d 2 dialogue.message purpose", "e below r 2 data.request purpose", "c 1 consent.narrow",
        "d 2 dialogue.message purpose", "c 1 consent.narrow purpose", "look", "c 1 consent.withdraw stale",
        "d 2 dialogue.message purpose", "c 1 consent.renew", "c 2 consent.propagated", "look",
    ),
    "what ends with an agreement": (
        "t terms ann vic SD-BASE", "t 2 terms.accept", "r relate t", "r up customer",
        "c below r 2 consent.request", "c 1 consent.grant", "b below r 2 consent.request",
        "d below r 1 dialogue.message", "s below r 1 data.share", "u terms ann vic SD-BASE-A",
        "u 2 terms.accept", "look", "d 2 dialogue.message", "d 1 dialogue.message",
        "k below s 1 correction.submit", "k 2 correction.apply", "u 1 agreement.terminate",
        "d 2 dialogue.message", "d 1 dialogue.message", "s 1 data.share", "look", "r 1 relationship.end",
        "d 1 dialogue.message", "k below s 1 correction.submit", "k 2 correction.refuse", "look",
    ),
    "no is no, and rest is rest": (
        "t terms ann vic SD-BASE", "t 2 terms.accept", "r relate t", "r up subscriber",
        "q below r 2 data.request", "q 1 data.refuse", "q below r 2 data.request",
        "d below r 2 dialogue.message", "r 1 relationship.pause", "d 2 dialogue.message",
        "d 1 dialogue.message", "p below r 2 data.report", "s below r 1 data.share", "s 1 data.share",
        "r 1 relationship.resume", "p below r 2 data.report", "p 1 data.verify", "d 1 dialogue.mute stale",
        "d 2 dialogue.message", "d 1 dialogue.unmute", "d 2 dialogue.message", "r 1 relationship.retreat",
        "d 2 dialogue.message", "t 1 agent.rotate", "look", "d 1 dialogue.message former",
        "d 1 dialogue.close", "look",
    ),
    "the end of a relationship": (
        "t terms ann vic", "t 2 terms.accept", "r relate t", "u terms ann vic PDC-AI", "u 2 terms.accept",
        "v terms ann vera", "v 2 terms.accept", "r 1 relationship.pause", "r 2 relationship.invite",
        "t 1 agent.rotate", "look", "r 1 relationship.end former", "r 2 relationship.end", "look",
        "t 1 agreement.terminate", "v 1 agent.rotate", "r relate t", "w terms new0 vic", "w 2 terms.accept",
        "r 2 relationship.attest", "look",
    ),
    "a message for a purged vendor": (
        "publish accepts=1", "a make vic", "a 1 offer.decline", "a 2 purge.attest", "a 1 offer.message",
        "a 2 purge.attest", "look",
    ),
}  # fmt: skip
"""Several threads at once, where bugs like to be. What is not allowed in them is to be refused."""


def needs(lines: Sequence[str]) -> set[str]:
    """The kinds of thread that a story is about."""
    opened = {
        "publish": "intent",
        "make": "offer",
        "terms": "terms",
        "feedback": "feedback",
        "dispute": "dispute",
        "relate": "relationship",
    }
    words = [word for line in lines for word in line.split(" ")]
    return {opened[word] for word in words if word in opened} | {OPENS[w] for w in words if w in BELOW}


def name_of(player: Player, identifier: str) -> str:
    """The name of a party."""
    return player.stage.names[identifier]


def look(player: Player, view: View) -> Iterator[Step]:
    """Both parties read a thread, and a person also after she has gone on under another key."""
    label = player.stage.labels[view.thid]
    former = list(player.former.get(view.thid, {}))[:1]
    for identifier in (*view.parties, *former):
        by = name_of(player, identifier)
        yield Step("state", by=by, of=label, about=f"{by} reads {label}")


def everybody(player: Player) -> Iterator[Step]:
    """The inboxes of all who take part."""
    parties = {p for view in player.stage.world.views.values() for p in (*view.parties, view.opener)}
    for identifier in sorted(parties, key=lambda one: name_of(player, one)):
        yield Step("inbox", by=name_of(player, identifier), about=f"{name_of(player, identifier)} polls")


async def tell(player: Player, moves: Moves, lines: Sequence[str]) -> AsyncIterator[Step]:
    """A story is told; a line names a thread, who, and what, or what is wrong with it."""
    threads: dict[str, str] = {}

    def newest(name: str) -> None:
        threads[name] = list(player.model.world.views)[-1]

    moves.often_hasty, moves.with_files, moves.with_preferences = 0.0, 0.0, 0.0
    for line in lines:
        first, *rest = line.split(" ")
        views = player.stage.world.views
        if first in ("publish", "amend"):
            moves.rules = {"offers": 9, "per_vendor": 3}
            said = {key: int(n) for key, _, n in (part.partition("=") for part in rest)}
            moves.haste |= {key: n for key, n in said.items() if key in HASTE}
            moves.rules |= {key: n for key, n in said.items() if key not in HASTE}
            moves.rules["unverified"] = bool(said.get("unverified", 1))
            if first == "publish":
                yield moves.publish("ann")
                newest("i")
            else:
                yield moves.move(views[threads["i"]], "first", "intent.amend")
        elif first == "wait":
            coming = [view.deadline for view in views.values() if view.deadline]
            seconds = min(coming, default=player.bindings.began) - player.bindings.began
            yield Step("wait", seconds=seconds, about="until a deadline has passed")
        elif first == "look":
            for view in player.model.world.views.values():
                for step in look(player, view):
                    yield step
            for step in everybody(player):
                yield step
        elif rest[0] == "make":
            flaws = frozenset({"version"} if "old" in rest else ())
            count = len(views)
            yield moves.offer(views[threads["i"]], rest[1], flaws)
            if len(player.model.world.views) > count:
                newest(first)
        elif rest[0] == "terms":
            preferred = moves.bodies.agreement((rest[3:] or ["SD-BASE-DP"])[0])
            yield moves.proffer(rest[1], rest[2], preferred=preferred, acceptable=None)
            newest(first)
        elif rest[0] == "feedback":
            yield moves.feedback(rest[1], rest[2])
            newest(first)
        elif rest[0] == "relate":
            count = len(views)
            yield moves.relate(views[threads[rest[1]]])
            if len(player.model.world.views) > count:
                newest(first)
        elif rest[0] == "up":
            yield moves.up(views[threads[first]], rest[1])
        elif rest[0] == "below":
            count, role = len(views), "first" if rest[2] == "1" else "second"
            if rest[1] in threads:
                yield moves.below(views[threads[rest[1]]], rest[3], role, frozenset(rest[4:]))
            if len(player.model.world.views) > count:
                newest(first)
        elif rest[0] == "dispute":
            about = views[threads[rest[1]]]
            count = len(views)
            yield moves.dispute(about, "first" if rest[2] == "1" else "second", all_="all" in rest)
            if len(player.model.world.views) > count:
                newest(first)
        elif first in threads:
            role = "first" if rest[0] == "1" else "second"
            yield moves.move(views[threads[first]], role, rest[1], frozenset(rest[2:]))
