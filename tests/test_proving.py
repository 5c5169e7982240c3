"""A view of a relationship is what the threads say, or it is said where it is not."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import deeds
from tests.bonds import ACTS, CARE, HOME, MARKETING, Bonds
from tests.deeds import SPEC
from vrmproto import envelope
from vrmproto.findings import Report
from vrmproto.keys import b64
from vrmproto.model import Thread
from vrmproto.proving import MEMBERS, Threads
from vrmproto.verification import Link

RULES = {
    **MEMBERS,
    "agreements/stage": "VRM-STD-002",
    "data/verified_as_of": "VRM-STD-005",
}
WALK = st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 59)), max_size=50)
SLOW = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
PARTIES = ("first", "second")


def failed(report: Report) -> dict[str, str]:
    """The places that are not what the threads say, each with its rule; other checks by their names."""
    return {c.name.removesuffix(" is what the threads say"): c.requirement for c in report.failed}


def walked(acts: list[tuple[Callable[[Bonds, int], None], int]]) -> tuple[Bonds, list[tuple[str, Any]]]:
    """A walk, and the views that were read on the way."""
    bonds, seen = Bonds().begin(), []
    for number, (act, n) in enumerate(acts):
        act(bonds, n)
        if number % 10 == 9:
            seen += [(r, bonds.view(t, r)) for t in bonds.threads("relationship") for r in PARTIES]
    seen += [(r, bonds.view(t, r)) for t in bonds.threads("relationship") for r in PARTIES]
    return bonds, seen


# --- laws -----------------------------------------------------------------------------------------


@SLOW
@given(acts=WALK)
def test_the_views_of_any_walk_are_what_both_parties_hold_also_later(acts: Any) -> None:
    bonds, seen = walked(acts)
    held = {reader: bonds.held(reader) for reader in PARTIES}
    for reader, document in seen:
        report = bonds.judged(document, held[reader])
        assert report.ok, (reader, report.failed)
        listed = any(what.startswith("what was refused") for what in report.trusted)
        assert listed == (reader == "first")


@SLOW
@given(acts=WALK, data=st.data())
def test_any_change_of_a_view_is_found_where_it_is(acts: Any, data: st.DataObject) -> None:
    bonds, _ = walked(acts)
    bonds.now += 1
    thread = data.draw(st.sampled_from(bonds.threads("relationship")))
    document = bonds.view(thread)
    name = data.draw(st.sampled_from([n for n in MEMBERS if n in document and document[n] != []]))
    several = [one for one in changes(document) if one[0].split("/")[1] == name]
    place, rule, changed = data.draw(st.sampled_from(several))
    assert_found(bonds.judged(changed, bonds.held()), place, rule)


@SLOW
@given(acts=WALK)
def test_what_is_erased_is_said_to_rest_on_the_homes_word(acts: Any) -> None:
    bonds, _ = walked(acts)
    bonds.end(1)
    bonds.attest(0)
    bonds.now += 1
    thread = bonds.bond()
    assert thread is not None
    report = bonds.judged(bonds.view(thread, "second"), bonds.held("second"))
    assert report.ok, report.failed
    assert "stage of the view: nothing but erased messages said it" in report.trusted
    whole = bonds.judged(bonds.view(thread), bonds.held())
    assert whole.ok
    assert not any("erased" in what for what in whole.trusted)


# --- every change ---------------------------------------------------------------------------------


def assert_found(report: Report, place: str, rule: str) -> None:
    found = failed(report)
    assert not report.ok, place
    if place == "/thid":
        assert found == {"its relationship is known here": rule}
        return
    member = place.split("/")[1]
    assert any(one == place or one.startswith(f"{place}/") for one in found), (place, found)
    assert rule in {r for one, r in found.items() if one == place or one.startswith(f"{place}/")}, found
    assert {one.split("/")[1] for one in found} - {member} <= DERIVED.get(member, set()), (place, found)


DERIVED = {
    "first": {"checkpoint"},
    "second": {"checkpoint"},
    "opened_at": {"refused"},
    "heads": {"checkpoint"},
}
"""What else does not fit when a member says something else."""


def changes(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every single member changed, left out, doubled and invented: place, rule and the changed document."""
    for name in MEMBERS:
        if name not in document:
            continue
        if not isinstance(document[name], list):
            for value in others(name, document[name]):
                yield from _valid(document, (name,), value, f"/{name}", RULES[name])
            continue
        for n, item in enumerate(document[name]):
            rest = [*document[name][:n], *document[name][n + 1 :]]
            yield from _valid(document, (name,), rest, f"/{name}", RULES[name])
            twice = [*document[name], item]
            yield from _valid(document, (name,), twice, f"/{name}/{n}", RULES[name])
            key = "mid" if name == "data" else "thid"
            more = [*document[name], {**item, key: b64(b"i" * 32)}]
            yield from _valid(document, (name,), more, f"/{name}/{len(rest) + 1}", RULES[name])
            for member, old in item.items():
                rule = RULES.get(f"{name}/{member}", RULES[name])
                place = f"/{name}/{n}" if member in (key, "thid") else f"/{name}/{n}/{member}"
                for value in others(member, old):
                    yield from _valid(document, (name, n, member), value, place, rule)
                yield from _valid(document, (name, n, member), None, place, rule)
    if "preferences" in document:
        yield from _valid(document, ("preferences",), None, "/preferences", "VRM-STD-001")


def _valid(
    document: Mapping[str, Any], path: tuple[str | int, ...], value: Any, place: str, rule: str
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The document with another value at a path, or none; if it still is a view by its schema."""
    changed: Any = copy.deepcopy(dict(document))
    at = changed
    for step in path[:-1]:
        at = at[step]
    if value is None:
        at.pop(path[-1])
    else:
        at[path[-1]] = value
    if not SPEC.faults("documents/relationship.json", changed):
        yield place, rule, changed


def others(name: str, value: Any) -> list[Any]:
    """Other values of a member."""
    if isinstance(value, int):
        return [value + 1, max(0, value - 1)]
    if isinstance(value, list):
        return [value[1:], [*value, "https://w3id.org/dpv#Nothing"], [*value, "nothing"]]
    if isinstance(value, dict):
        return [{**value, "zone": "Asia/Tokyo"}, {**value, "id": "PDC-GOOD"}, {**value, "version": "9.9"}]
    if value.startswith("did:"):
        return [deeds.key("nobody").did]
    if len(value) == 43:
        return [b64(b"o" * 32)]
    if value.endswith("Z"):
        return ["2026-01-01T00:00:00Z"]
    if value.startswith("https:"):
        return [MARKETING if value != MARKETING else CARE]
    return ["data.share" if value == "data.report" else "data.report", "another", "other-stage"]


def rich() -> tuple[Bonds, Thread]:
    """Two agreements, one of them gone, consents, data of both, verified, corrected, with preferences."""
    bonds = Bonds().begin()

    def do(*acts: tuple[Callable[[Bonds, int], None], int]) -> None:
        for act, n in acts:
            before = len(bonds.taken)
            act(bonds, n)
            assert len(bonds.taken) > before, (act, n)
            bonds.now += 1

    do((Bonds.terms, 3), (Bonds.terms, 4 + 1), (Bonds.prefer, 5 * 7 + 3), (Bonds.ask, 0), (Bonds.grant, 1))
    do((Bonds.ask, 1), (Bonds.grant, 2), (Bonds.ask, 2), (Bonds.share, 1), (Bonds.share, 2))
    do((Bonds.report, 1), (Bonds.report, 2), (Bonds.verify, 0), (Bonds.correct, 1), (Bonds.corrected, 0))
    do((Bonds.correct, 5), (Bonds.share, 3), (Bonds.correct, 9))
    Bonds.speak(bonds, 3)
    thread = bonds.bond()
    assert thread is not None
    bonds.now += 1
    return bonds, thread


@pytest.mark.parametrize("reader", PARTIES)
def test_every_single_member_changed_in_turn_is_found_in_its_place(reader: str) -> None:
    bonds, thread = rich()
    document, held = bonds.view(thread, reader), bonds.held(reader)
    assert bonds.judged(document, held).ok
    assert all(document[name] for name in MEMBERS)
    assert len(document["agreements"]) == 2
    places: dict[str, int] = {}
    for place, rule, changed in changes(document):
        assert_found(bonds.judged(changed, held), place, rule)
        named = "/".join(part for part in place.split("/")[1:] if not part.isdigit())
        places[named] = places.get(named, 0) + 1
    assert set(MEMBERS) <= places.keys()
    members = {f"{name}/{m}" for name in MEMBERS for one in _items(document[name]) for m in one}
    keys = {"agreements/thid", "consents/thid", "corrections/thid", "data/mid", "data/thid", "heads/thid"}
    assert members - keys <= places.keys()


def _items(value: Any) -> list[dict[str, Any]]:
    return value if isinstance(value, list) else []


# --- what was refused, and what is not to be there ------------------------------------------------


def refused() -> tuple[Bonds, dict[str, Any], Threads]:
    bonds, thread = rich()
    for _ in range(2):
        bonds.within(thread, "first", "relationship.pause", {})
        bond = bonds.bond()
        assert bond is not None
        thread = replace(thread, head=bond.head)
        Bonds.want(bonds, 0)
        bonds.now += 1
    document = bonds.view(thread)
    assert len(document["refused"]) >= 2
    return bonds, document, bonds.held()


def test_of_what_was_refused_only_its_form_can_be_judged() -> None:
    bonds, document, held = refused()
    right = bonds.judged(document, held)
    assert right.ok
    assert "what was refused in the relationship: nobody keeps those messages" in right.trusted
    first = document["refused"][0]
    wrong: dict[str, tuple[Any, str]] = {
        "/refused/0/code": ({**first, "code": "prev-stale"}, "VRM-LED-001"),
        "/refused/0/type": ({**first, "type": "no.such"}, "VRM-LED-001"),
        "/refused/0/at": ({**first, "at": document["opened_at"] + 9**9}, "VRM-LED-001"),
        "/refused/0/mid": ({**first, "mid": document["refused"][1]["mid"]}, "VRM-LED-004"),
    }
    for place, (changed, rule) in wrong.items():
        report = bonds.judged({**document, "refused": [changed, *document["refused"][1:]]}, held)
        assert failed(report)[place] == rule
    backwards = bonds.judged({**document, "refused": document["refused"][::-1]}, held)
    assert failed(backwards) == {"/refused": "VRM-STD-001"}
    # Another purpose, or one less that was refused: nobody can tell.
    for kept in ([{**first, "purposes": [CARE]}, *document["refused"][1:]], document["refused"][1:]):
        assert bonds.judged({**document, "refused": kept}, held).ok


def test_the_organisation_is_not_to_read_what_was_refused() -> None:
    bonds, document, _ = refused()
    thread = bonds.bond()
    assert thread is not None
    theirs = bonds.view(thread, "second")
    held = bonds.held("second")
    assert bonds.judged(theirs, held).ok
    told = bonds.judged({**theirs, "refused": document["refused"], "refused_more": 0}, held)
    assert failed(told) == {"/refused": "VRM-LED-002", "/refused_more": "VRM-LED-002"}


def test_a_view_that_holds_the_data_is_found() -> None:
    bonds, thread = rich()
    document, held = bonds.view(thread), bonds.held()
    mid = document["data"][0]["mid"]
    told = (t for t in held.held[document["data"][0]["thid"]] if t.mid == mid)
    first = next(told)
    assert isinstance(first, Link)
    content = first.message.body["content"]
    document["data"][0]["content"] = content
    assert failed(bonds.judged(document, held)) == {"/data/0/content": "VRM-STD-007"}
    document["data"][0]["content"] = "something else"
    report = bonds.judged({**document, "more": 1}, held)
    assert report.ok
    assert [w for w in report.trusted if "does not know it" in w] == [
        "what /data/0/content of the view says: the protocol does not know it",
        "what more of the view says: the protocol does not know it",
    ]


# --- as of when -----------------------------------------------------------------------------------


def sealed(bonds: Bonds, document: Mapping[str, Any], **claims: Any) -> dict[str, Any]:
    """The view with a checkpoint that says something else, signed by the home."""
    said = envelope.peek(document["checkpoint"])[1] | claims
    return {**document, "checkpoint": envelope.seal(bonds.signing, said, envelope.RECEIPT)}


def test_a_view_is_as_of_its_checkpoint() -> None:
    bonds, thread = rich()
    document, held = bonds.view(thread), bonds.held()
    at = envelope.peek(document["checkpoint"])[1]["iat"]
    assert bonds.judged(sealed(bonds, document, iat=at + 1), held).ok
    early = failed(bonds.judged(sealed(bonds, document, iat=at - 6), held))
    assert "VRM-STD-008" in early.values()
    until = min(one["valid_until"] for one in document["consents"])
    late = failed(bonds.judged(sealed(bonds, document, iat=until), held))
    assert "VRM-STD-003" in late.values()
    assert failed(bonds.judged(sealed(bonds, document, state="paused"), held)) == {
        "/checkpoint": "VRM-STD-001"
    }
    assert failed(bonds.judged(sealed(bonds, document, aud=deeds.key("x").did), held)) == {
        "/checkpoint": "VRM-STD-001"
    }
    other = sealed(bonds, document, thid=b64(b"x" * 32))
    assert failed(bonds.judged(other, held)) == {"the checkpoint is of this thread": "VRM-HOM-026"}
    forged = {**document, "checkpoint": envelope.seal(bonds.shop, {"iss": HOME}, envelope.RECEIPT)}
    assert list(failed(bonds.judged(forged, held))) == ["the checkpoint verifies"]


def test_what_came_in_one_second_may_have_come_in_any_order() -> None:
    """Nobody but the home knows which of two agreements of one class came first; both cannot be in force."""
    bonds = Bonds().begin()
    Bonds.terms(bonds, 0)
    Bonds.terms(bonds, 5)
    thread = bonds.bond()
    assert thread is not None
    document, held = bonds.view(thread), bonds.held()
    (last,) = document["agreements"]
    assert bonds.judged(document, held).ok
    before = next(t for t in bonds.threads("terms") if t.record != last["id"] and t.record)
    assert before.record is not None
    other = {**last, "id": before.record, "thid": before.thid, "agreement": before.facts["agreement"]}
    assert bonds.judged({**document, "agreements": [other]}, held).ok
    assert not bonds.judged({**document, "agreements": [last, other]}, held).ok
    assert not bonds.judged({**document, "agreements": []}, held).ok


def test_what_is_not_held_cannot_be_shown() -> None:
    bonds, thread = rich()
    document, held = bonds.view(thread), bonds.held()
    for thid in [head["thid"] for head in document["heads"]]:
        less = replace(held, held={t: k for t, k in held.held.items() if t != thid})
        report = bonds.judged(document, less)
        assert not report.ok
        if thid != thread.thid:
            assert "VRM-STD-009" in failed(report).values()
        short = replace(held, held={**held.held, thid: held.held[thid][:-1]})
        assert "VRM-STD-009" in failed(bonds.judged(document, short)).values() or thid == thread.thid
    gap = replace(held, held={**held.held, thread.thid: held.held[thread.thid][1:]})
    assert not bonds.judged(document, gap).ok


def test_without_the_ladder_rungs_rest_on_the_homes_word() -> None:
    bonds = Bonds()
    for act, n in ((Bonds.terms, 1), (Bonds.relate, 3)):
        act(bonds, n)
    thread = bonds.bond()
    assert thread is not None
    document, held = bonds.view(thread), bonds.held()
    assert document["stage"] == "foot"
    assert not bonds.judged({**document, "stage": "customer"}, held).ok
    bare = bonds.judged(document, replace(held, ladders={}))
    assert bare.ok
    assert any(what.startswith("the rungs of the ladder") for what in bare.trusted)


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"{}", b'{"thid": 1}', '{"thid": "\u00e4"}'.encode("latin-1")]
)
def test_what_is_no_view_is_said_to_be_none(data: bytes) -> None:
    from vrmproto.findings import Findings
    from vrmproto.view_checks import check_view

    found = Findings("")
    assert check_view(found, SPEC, data, {}, {}) == ""
    assert len(found.report().failed) == 1
    json.dumps(found.report().document())
