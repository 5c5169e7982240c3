"""Broken homes of the chapter terms.md: proffer, answer, life of an agreement, roster."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from tests.broken.tools import around, guarded, lenient, loose, mutant, result, simple
from vrmproto import documents, guards, reading, threads
from vrmproto.home import Home
from vrmproto.roster import Roster
from vrmproto.server import routes
from vrmproto.storage import rows

simple(
    "any-roster",
    "VRM-TRM-001",
    "A roster or an agreement that it does not hold is taken.",
    lenient("roster-member", "VRM-TRM-001"),
)
simple(
    "digests-not-compared",
    "VRM-TRM-002",
    "The digest of an agreement is not compared with the roster.",
    lenient("roster-member", "VRM-TRM-002"),
)
simple(
    "accepts-anything",
    "VRM-TRM-004",
    "An acceptance need not name the terms on offer.",
    lenient("accepts-offered-terms", "VRM-TRM-004"),
)
simple(
    "accepts-what-was-not-offered",
    "VRM-TRM-005",
    "An agreement that nobody has offered may be accepted.",
    lenient("accepts-offered-terms", "VRM-TRM-005"),
)
simple(
    "alternative-of-another-roster",
    "VRM-TRM-006",
    "An alternative may be one that the roster does not have.",
    lenient("roster-member", "VRM-TRM-006"),
)
simple(
    "alternative-that-was-offered",
    "VRM-TRM-007",
    "An alternative may be one that the proffer lists.",
    lenient("alternative-differs", "VRM-TRM-007"),
)


@mutant("VRM-TRM-001")
def acceptable_ones_not_judged() -> None:
    """Only the preferred agreement of a proffer is looked up."""
    around(guards, "_named", lambda right, terms: list(right(terms))[:1])


@mutant("VRM-TRM-001")
def newest_version_will_do() -> None:
    """Of an agreement only the id is looked up, and not the version."""

    def wrong(right: Any, self: Any, reference: Any) -> Any:
        return right(self, reference) or next(
            (a for a in self.agreements.values() if a.id == reference["id"]), None
        )

    around(Roster, "find", wrong)


@mutant("VRM-TRM-004")
def alternative_not_what_is_accepted() -> None:
    """After an alternative the acceptance may still name the proffer."""

    def wrong(right: Any, case: Any) -> None:
        body = case.message.body
        if case.thread is not None and body["accepts"] == case.thread.thid:
            body = {**body, "accepts": case.facts.get("offer")}
        right(replace(case, message=replace(case.message, body=body)))

    guarded("accepts-offered-terms", wrong)


@mutant("VRM-TRM-005")
def accepted_by_its_name() -> None:
    """Of an agreement that is accepted only the id is compared."""

    def wrong(right: Any, case: Any) -> None:
        body, offered = case.message.body, loose(guards)._offered(case.facts)
        same = [a for a in offered if a and a["id"] == body["agreement"]["id"]]
        right(replace(case, message=replace(case.message, body={**body, "agreement": (same or [None])[0]})))

    guarded("accepts-offered-terms", wrong)


@mutant("VRM-TRM-005")
def preferred_one_only() -> None:
    """Only the preferred agreement can be accepted."""
    around(guards, "_offered", lambda right, facts: right(facts)[:1])


@mutant("VRM-TRM-007")
def alternative_to_anything() -> None:
    """alternative_to is not compared with the proffer."""

    def wrong(right: Any, case: Any) -> None:
        body = {**case.message.body, "alternative_to": case.facts.get("offer")}
        right(replace(case, message=replace(case.message, body=body)))

    guarded("alternative-differs", wrong)


@mutant("VRM-TRM-009")
def proffer_ends_the_alternative() -> None:
    """An agreement of an alternative without ends has that of the proffer."""

    def wrong(right: Any, row: Any, message: Any, facts: Any, context: Any) -> Any:
        kept = right(row, message, facts, context)
        return {**kept, "ends": facts["ends"]} if "ends" in facts and "ends" not in kept else kept

    around(threads, "_keep", wrong)


@mutant("VRM-TRM-011")
def nothing_superseded() -> None:
    """Agreements of one class stand beside each other."""
    around(Home, "_class_of", lambda right, self, step: "")


@mutant("VRM-TRM-011")
def one_agreement_in_all() -> None:
    """An agreement supersedes every earlier one of the pair, whatever its class."""
    result(Home, "_class_of", lambda name: name and "SD")


@mutant("VRM-TRM-011")
def superseded_by_anybody() -> None:
    """An agreement supersedes those of its class with every organisation."""
    loose(rows)._SUPERSEDED = rows._SUPERSEDED.replace("AND later.second = a.second ", "")


@mutant("VRM-TRM-010")
def first_party_cannot_terminate_late() -> None:
    """Whoever terminates has to name the last message of the thread."""

    def wrong(right: Any, row: Any, *rest: Any) -> Any:
        terminates = row.type == "agreement.terminate"
        return right(replace(row, exit=False, head=True) if terminates else row, *rest)

    around(threads, "_check_prev", wrong)


@mutant("VRM-TRM-015")
def layers_not_looked_at() -> None:
    """An agreement is always served as its manifest, whatever Accept says."""
    loose(routes).choose = lambda agreement, headers, query: None


@mutant("VRM-TRM-015")
def legal_layer_is_the_plain_one() -> None:
    """The parameter layer=legal of Accept is not looked at."""

    def wrong(right: Any, agreement: Any, headers: Any, query: Any) -> Any:
        return right(agreement, {**headers, "Accept": headers.get("Accept", "*/*").partition(";")[0]}, query)

    around(routes, "choose", wrong)


@mutant("VRM-TRM-016")
def manifests_written_anew() -> None:
    """Manifests are served as JSON that was written anew, with other white space."""

    def wrong(right: Any, self: Any, *args: Any) -> Any:
        found = right(self, *args)
        return replace(found, manifest=json.dumps(json.loads(found.manifest), sort_keys=True).encode())

    around(routes.Routes, "_agreement", wrong)


@mutant("VRM-TRM-017")
def texts_with_other_line_ends() -> None:
    """Texts are served with the line ends of Windows."""

    def wrong(right: Any, *args: Any) -> Any:
        text = right(*args)
        return text and replace(text, data=text.data.replace(b"\n", b"\r\n"))

    around(routes, "choose", wrong)


@mutant("VRM-TRM-018")
def myterms_differ() -> None:
    """The disclosure of agreements lists others than the discovery document."""

    def wrong(right: Any, document: Any) -> Any:
        other = {"id": "SD-BASE", "version": "1.0", "digest": "A" * 43}
        return {**right(document), "accepts": [] if document["accepts"] else [other]}

    around(documents, "myterms", wrong)


@mutant("VRM-TRM-018")
def myterms_missing() -> None:
    """There is no disclosure of agreements."""

    async def wrong(right: Any, self: Any, request: Any) -> Any:
        raise reading.not_found()

    around(routes.Routes, "myterms", wrong)
