"""Checks of terms and of the roster (terms.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conformance import jose
from conformance.lab import Lab, Party, Thread, check
from conformance.target import Answer
from conformance.wire import header, together

__all__: list[str] = []

ACCEPT = {"plain": "text/markdown", "legal": "text/markdown;layer=legal", "machine": "application/ld+json"}


async def _states(lab: Lab, party: Party, *threads: Thread) -> list[str]:
    return [await lab.state(party, thread.thid) for thread in threads]


@check("VRM-TRM-011", profile="terms")
async def a_later_agreement_of_a_class_takes_the_place_of_the_earlier(lab: Lab) -> None:
    """Of one pair and one class only: other classes, vendors and persons keep theirs."""
    person, other = lab.person(), lab.person()
    vendor, rival = await lab.vendor(), await lab.vendor()

    async def made(first: Party, second: Party, name: str) -> Thread:
        return await lab.agreed(first, second, name, preferred=lab.bodies.agreement(name))

    one = await made(person, vendor, "SD-BASE")
    rest = [
        await made(person, rival, "SD-BASE"),
        await made(other, vendor, "SD-BASE"),
        await made(person, vendor, "PDC-AI"),
        await made(person, vendor, "PDC-GOOD"),
    ]
    owners = [person, other, person, person]

    async def shown(*now: str) -> None:
        for party in (person, vendor):
            got = await lab.state(party, one.thid)
            lab.holds("VRM-TRM-011", got == now[0], f"{now[0]}, the earlier agreement", got)
        got_all = [await lab.state(p, t.thid) for p, t in zip(owners, rest, strict=True)]
        kept = all(state == "agreed" for state in got_all)
        lab.holds("VRM-TRM-011", kept, "agreed: other vendors, persons, classes", got_all)

    await shown("agreed")
    two = await lab.proffered(person, vendor, preferred=lab.bodies.agreement("SD-BASE-ATP"))
    await shown("agreed")  # a proffer alone changes nothing
    await lab.say(vendor, "terms.accept", lab.bodies.accept(two.head, "SD-BASE-ATP"), two)
    await shown("superseded")
    again = await made(person, vendor, "PDC-AI")
    got = await _states(lab, person, rest[2], again, rest[3], two)
    wanted = ["superseded", "agreed", "agreed", "agreed"]
    lab.holds("VRM-TRM-011", got == wanted, str(wanted), got)
    for party in (person, vendor):
        said = await lab.attempt(party, "agreement.terminate", {}, one)
        lab.refused("VRM-TRM-011", said, "state-conflict")
    await lab.say(person, "agreement.terminate", {}, two)
    got = await _states(lab, vendor, one, two)
    wanted = ["superseded", "terminated"]
    lab.holds("VRM-TRM-011", got == wanted, "no earlier agreement coming back", got)
    listed = (await lab.get(vendor, lab.target.endpoint("threads"))).document["threads"]
    state = {entry["thid"]: entry["state"] for entry in listed}.get(one.thid, "superseded")
    lab.holds("VRM-TRM-011", state == "superseded", "superseded in the list", state)


# --- the roster -----------------------------------------------------------------------------------


async def _roster(lab: Lab) -> tuple[str, list[dict[str, Any]]]:
    url = lab.target.endpoint("roster")
    answer = await lab.talk.request("GET", url, label="read the roster")
    lab.holds("VRM-TRM-015", answer.status == 200, "the roster", answer.said)
    faults = lab.spec.faults("documents/roster.json", answer.document)
    lab.holds("VRM-TRM-015", not faults, "valid against documents/roster.json", faults[:3])
    named = lab.target.discovery["roster"]
    same = all(answer.document[name] == named[name] for name in ("id", "version"))
    lab.holds("VRM-TRM-015", same, f"the roster {named}", answer.text[:200])
    listed = answer.document["agreements"]
    if named == {**named, **lab.bodies.roster}:  # of the roster of the spec folder all are known
        got = {a["id"]: a["digest"] for a in listed}
        own = {name: lab.bodies.agreement(name)["digest"] for name in lab.bodies.agreements()}
        lab.holds("VRM-TRM-015", got == own, f"the agreements {own}", got)
    return url, listed


async def _read(lab: Lab, url: str, accept: str, lang: str = "") -> Answer:
    headers = {"Accept": accept, **({"Accept-Language": lang} if lang else {})}
    return await lab.talk.request(
        "GET", url, headers=headers, label=f"an agreement as {accept} {lang}".strip()
    )


@check("VRM-TRM-015", "VRM-TRM-016", "VRM-TRM-017", profile="terms")
async def the_roster_is_served_with_every_manifest_and_text(lab: Lab) -> None:
    """Each manifest by the digest that the roster lists, each text of it by its ``sha256``."""
    base, listed = await _roster(lab)

    async def one(agreement: Mapping[str, Any]) -> None:
        url = f"{base}/{agreement['id']}/{agreement['version']}"
        manifest: dict[str, Any] = {}
        for accept in ("application/json", "*/*", "application/json, text/markdown;q=0.5"):
            answer = await _read(lab, url, accept)
            lab.holds("VRM-TRM-015", answer.status == 200, f"the manifest of {agreement['id']}", answer.said)
            got = jose.digest(answer.data)
            lab.holds("VRM-TRM-016", got == agreement["digest"], f"the digest {agreement['digest']}", got)
            lab.holds("VRM-TRM-015", answer.media == "application/json", "application/json", answer.media)
            manifest = answer.document
        faults = lab.spec.faults("documents/manifest.json", manifest)
        lab.holds("VRM-TRM-016", not faults, "valid against documents/manifest.json", faults[:3])
        own = (manifest["id"], manifest["version"]) == (agreement["id"], agreement["version"])
        lab.holds("VRM-TRM-016", own, f"the manifest of {agreement['id']}", str(manifest)[:200])
        for text in manifest["texts"]:
            answer = await _read(lab, url, ACCEPT[text["layer"]], text["lang"])
            what = f"the {text['layer']} text of {agreement['id']} in {text['lang']}"
            lab.holds("VRM-TRM-015", answer.status == 200, what, answer.said)
            media = answer.media
            lab.holds("VRM-TRM-015", media == text["media_type"], f"{what} as {text['media_type']}", media)
            got = jose.digest(answer.data)
            lab.holds("VRM-TRM-017", got == text["sha256"], f"{what} with the digest {text['sha256']}", got)

    await together(map(one, listed))
    answer = await lab.talk.request(
        "GET", f"{base}/SD-UNHEARD-OF/1.0", label="an agreement that is not there"
    )
    lab.refused("VRM-TRM-015", answer, "not-found")


@check("VRM-TRM-015", profile="terms")
async def the_layer_follows_accept(lab: Lab) -> None:
    """The layers differ from each other, and weights choose among them."""
    base, listed = await _roster(lab)
    url = f"{base}/{listed[0]['id']}/{listed[0]['version']}"
    manifest = (await _read(lab, url, "application/json")).document
    digests = {(text["layer"], text["lang"]): text["sha256"] for text in manifest["texts"]}
    layers = {layer for layer, _ in digests}
    for accept, layer in (
        ("text/markdown", "plain"),
        ("text/markdown;layer=legal", "legal"),
        ("application/ld+json", "machine"),
        ("text/markdown;q=0.2, application/ld+json;q=0.9", "machine"),
        ("application/ld+json;q=0.2, text/markdown;layer=legal;q=0.9", "legal"),
        ("image/png, application/ld+json", "machine"),
    ):
        if layer not in layers:
            continue
        answer = await _read(lab, url, accept)
        lab.holds("VRM-TRM-015", answer.status == 200, f"200 to {accept}", answer.said)
        right = {digest for (one, _), digest in digests.items() if one == layer}
        got = jose.digest(answer.data)
        lab.holds("VRM-TRM-015", got in right, f"the layer {layer} to {accept}", answer.text[:80])


@check("VRM-HOM-037", profile="terms")
async def a_layer_that_does_not_exist_is_not_acceptable(lab: Lab) -> None:
    """406 ``not-acceptable`` where ``Accept`` names no layer that the agreement has."""
    base, listed = await _roster(lab)

    async def one(agreement: Mapping[str, Any]) -> None:
        url = f"{base}/{agreement['id']}/{agreement['version']}"
        manifest = (await _read(lab, url, "application/json")).document
        has = {text["layer"] for text in manifest["texts"]}
        missing = [ACCEPT[layer] for layer in ACCEPT if layer not in has]
        refused = ("application/json;q=0", f"image/png, {ACCEPT['machine']};q=0, text/*;q=0.0")
        for accept in (*missing, *refused, "image/png", "application/pdf, image/*;q=0.5"):
            answer = await _read(lab, url, accept)
            lab.refused("VRM-HOM-037", answer, "not-acceptable")

    await together(map(one, listed))


@check("VRM-TRM-018", profile="terms")
async def the_operator_discloses_what_it_accepts(lab: Lab) -> None:
    """``/.well-known/myterms`` lists what ``accepts`` of the discovery document lists, of the roster."""
    answer = await lab.talk.request("GET", f"{lab.target.issuer}/.well-known/myterms", label="read myterms")
    lab.holds("VRM-TRM-018", answer.status == 200, "200", answer.said)
    found = answer.document
    faults = lab.spec.faults("documents/myterms.json", found)
    lab.holds("VRM-TRM-018", not faults, "valid against documents/myterms.json", faults[:3])
    lab.holds("VRM-TRM-018", answer.media == "application/json", "application/json", answer.media)
    own = lab.target.discovery["accepts"]
    got = found.get("accepts")

    def compared(listed: Any) -> list[tuple[str, str, str]]:
        return sorted((a["id"], a["version"], a["digest"]) for a in listed)

    same = isinstance(got, list) and compared(got) == compared(own)
    lab.holds("VRM-TRM-018", same, f"accepts {own}", got)
    right = "origin" not in found or found["origin"] == lab.target.issuer
    lab.holds("VRM-TRM-018", right, f"the origin {lab.target.issuer}", found.get("origin"))
    _, listed = await _roster(lab)
    named = {(a["id"], a["version"]): a["digest"] for a in listed}
    for agreement in own:
        key = (agreement["id"], agreement["version"])
        good = named.get(key, agreement["digest"]) == agreement["digest"]
        lab.holds("VRM-TRM-018", good, f"the digest of the roster for {key}", agreement)
    lab.holds("VRM-TRM-018", header(answer, "Content-Type"), "a media type", "none")
