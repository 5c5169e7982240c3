"""Blobs: what is put, what it may be, who gets it, and how."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

from conformance import jose
from conformance.bodies import ORDERS
from conformance.checks.feeds import same
from conformance.lab import Lab, Party, check
from conformance.results import Inconclusive
from conformance.target import Answer

__all__ = ["gets", "hidden", "picture", "uploaded"]

TRIED = 300
"""How many blobs of one uploader are put before the suite gives up to find a bound."""
LARGEST = 32 * 2**20


def picture(size: int = 400) -> bytes:
    """Bytes that nobody has put before."""
    return secrets.token_bytes(size)


async def uploaded(lab: Lab, party: Party, data: bytes) -> dict[str, Any]:
    """Put a blob that is to be taken; the reference to it."""
    answer = await lab.put(party, data)
    if answer.status != 201:
        raise Inconclusive(f"a blob of {len(data)} bytes was answered {answer.said}")
    return lab.bodies.reference(data, lab.blobs)


async def fetched(lab: Lab, party: Party, data: bytes) -> Answer:
    """Ask for a blob."""
    return await lab.get(party, lab.blobs + jose.digest(data))


async def gets(lab: Lab, requirement: str, data: bytes, *parties: Party) -> None:
    """All of them are given the blob, byte for byte."""
    for party in parties:
        answer = await fetched(lab, party, data)
        whole = answer.status == 200 and answer.data == data
        got = answer.said if answer.status != 200 else f"200 with {len(answer.data)} bytes"
        lab.holds(requirement, whole, f"the {len(data)} bytes for {party.name}", got)


async def hidden(lab: Lab, requirement: str, data: bytes, *parties: Party) -> None:
    """None of them is given the blob, nor told that there is one."""
    for party in parties:
        answer = await fetched(lab, party, data)
        lab.refused(requirement, answer, "not-found")
        nothing = await fetched(lab, party, picture())
        lab.holds(requirement, answer.data == nothing.data, nothing.text, answer.text)


@check("VRM-BLB-001", profile="intent")
async def bytes_of_another_digest_are_refused(lab: Lab) -> None:
    """And kept under no name, neither the one in the URL nor their own."""
    anna = lab.person()
    data, other = picture(), picture()
    for wrong in (jose.digest(other), jose.digest(data[:-1]), "A" * 43):
        lab.refused("VRM-BLB-001", await lab.put(anna, data, wrong), "blob-mismatch")
        gone = await lab.get(anna, f"{lab.blobs}{wrong}")
        lab.refused("VRM-BLB-001", gone, "not-found")
    await hidden(lab, "VRM-BLB-001", data, anna)
    answer = await lab.put(anna, data)
    lab.holds("VRM-BLB-001", answer.status == 201, "201 under the right digest", answer.said)
    faults = lab.spec.faults("documents/blob.json", answer.document)
    lab.holds("VRM-BLB-001", not faults, "valid against documents/blob.json", faults[:2])
    right = (lab.blobs + jose.digest(data), jose.digest(data), len(data))
    got = tuple(answer.document[name] for name in ("url", "sha256", "size"))
    same(lab, "VRM-BLB-001", right, got)
    lab.refused("VRM-BLB-001", await lab.put(anna, other, jose.digest(data)), "blob-mismatch")
    await gets(lab, "VRM-BLB-001", data, anna)


@check("VRM-BLB-002", profile="intent")
async def a_blob_at_the_limit_is_taken_and_one_byte_more_is_not(lab: Lab) -> None:
    """The limit is the one of the discovery document."""
    most = lab.target.limit("blob", 0)
    if not 0 < most <= LARGEST:
        raise Inconclusive(f"limits.blob is {most or 'not told'}")
    anna = lab.person()
    large, larger = picture(most), picture(most + 1)
    lab.refused("VRM-BLB-002", await lab.put(anna, larger), "too-large")
    await hidden(lab, "VRM-BLB-002", larger, anna)
    answer = await lab.put(anna, large)
    lab.holds("VRM-BLB-002", answer.status == 201, f"201 for {most} bytes", answer.said)
    await gets(lab, "VRM-BLB-002", large, anna)


@check("VRM-BLB-003", "VRM-BLB-005", profile="intent")
async def a_blob_is_kept_for_everyone_who_has_put_it(lab: Lab) -> None:
    """Read as often as one likes, put again, put by others: each uploader has it, and nobody else."""
    anna, bob, carl = lab.person(), lab.person(), lab.person()
    one, two = picture(), picture(70_000 if lab.target.limit("blob", 70_000) >= 70_000 else 400)
    await uploaded(lab, anna, one)
    await gets(lab, "VRM-BLB-003", one, anna, anna)
    await hidden(lab, "VRM-BLB-005", one, bob, carl)
    await uploaded(lab, bob, one)
    await uploaded(lab, anna, two)
    await gets(lab, "VRM-BLB-003", one, anna, bob)
    await hidden(lab, "VRM-BLB-005", two, bob)
    await uploaded(lab, anna, one)
    await asyncio.sleep(1.2)
    await gets(lab, "VRM-BLB-003", one, anna, bob, anna)
    await gets(lab, "VRM-BLB-003", two, anna)
    await hidden(lab, "VRM-BLB-005", one, carl)
    url = lab.blobs + jose.digest(one)
    unsigned = await lab.talk.request("GET", url, label="a blob is read without a signature")
    lab.refused("VRM-BLB-005", unsigned, "request-invalid")


@check("VRM-BLB-003", profile="intent", slow=True, patient=True)
async def a_blob_is_still_there_after_a_while(lab: Lab) -> None:
    """Some seconds of the hour: it goes neither at once nor with what its uploader does meanwhile."""
    anna = lab.person()
    one, two = picture(), picture()
    await uploaded(lab, anna, one)
    await asyncio.sleep(3)
    await uploaded(lab, anna, two)
    await lab.published(anna, need=lab.bodies.need(media=[lab.bodies.reference(two, lab.blobs)]))
    await asyncio.sleep(3)
    await gets(lab, "VRM-BLB-003", one, anna)
    await gets(lab, "VRM-BLB-003", two, anna)


@check("VRM-BLB-005", profile="intent")
async def a_blob_of_an_intent_is_for_everyone_who_reads_its_board(lab: Lab) -> None:
    """From its publication on, and one of an amendment too; a message that is refused opens nothing."""
    anna, bob = lab.person(), lab.person()
    first, second, third = picture(), picture(), picture()
    need = lab.bodies.need(media=[await uploaded(lab, anna, first)])
    await hidden(lab, "VRM-BLB-005", first, bob)
    intent = await lab.published(anna, need=need)
    await gets(lab, "VRM-BLB-005", first, anna, bob)
    later = lab.bodies.need(media=[await uploaded(lab, anna, second)])
    await hidden(lab, "VRM-BLB-005", second, bob)
    refused = await lab.attempt(anna, "intent.amend", lab.bodies.amendment(7, need=later), intent)
    if refused.taken:
        raise Inconclusive("an amendment with a wrong version was taken")
    await hidden(lab, "VRM-BLB-005", second, bob)
    await lab.say(anna, "intent.amend", lab.bodies.amendment(2, need=later), intent)
    await gets(lab, "VRM-BLB-005", second, anna, bob)
    await gets(lab, "VRM-BLB-005", first, anna, bob)
    await uploaded(lab, anna, third)
    await hidden(lab, "VRM-BLB-005", third, bob)


@check("VRM-BLB-003", "VRM-BLB-005", profile="intent")
async def a_blob_of_an_offer_is_for_its_two_parties(lab: Lab) -> None:
    """What the vendor shows and what the person discloses, and not for the next vendor or a passer-by."""
    anna, stranger = lab.person(), lab.person()
    one, two = await lab.vendor(), await lab.vendor()
    intent = await lab.published(anna)
    shown, told, kept = picture(), picture(), picture()
    media = [await uploaded(lab, one, shown)]
    refused = lab.bodies.offer(intent.thid, 9, media=media)
    said = await lab.attempt(one, "offer.make", refused, aud=anna.id, pthid=intent.thid)
    if said.taken:
        raise Inconclusive("an offer on a version that is not was taken")
    await hidden(lab, "VRM-BLB-005", shown, anna)
    offer = await lab.offered(intent, one, media=media)
    await lab.offered(intent, two)
    await gets(lab, "VRM-BLB-005", shown, one, anna)
    await hidden(lab, "VRM-BLB-005", shown, two, stranger)
    await lab.accepted(offer)
    content = {"ref": await uploaded(lab, anna, told)}
    await uploaded(lab, anna, kept)
    await hidden(lab, "VRM-BLB-005", told, one)
    body = lab.bodies.release(about={"purpose": ORDERS, "fields": ["name"]}, content=content)
    await lab.say(anna, "disclosure.release", body, offer)
    await gets(lab, "VRM-BLB-005", told, one, anna)
    await hidden(lab, "VRM-BLB-005", told, two, stranger)
    await hidden(lab, "VRM-BLB-005", kept, one, two, stranger)
    await gets(lab, "VRM-BLB-003", kept, anna)
    await lab.confirmed(offer)
    await lab.say(one, "order.fulfil", {}, offer)
    await gets(lab, "VRM-BLB-003", told, one, anna)
    await gets(lab, "VRM-BLB-003", shown, one, anna)


@check("VRM-BLB-006", profile="intent")
async def a_purge_takes_the_blobs_of_the_thread_from_the_vendor(lab: Lab) -> None:
    """Those that she disclosed and those that it put itself; the person keeps them, other threads theirs."""
    anna = lab.person()
    vendor = await lab.vendor()
    intent = await lab.published(anna, rules={"accepts": 3})
    shown, told, other = picture(), picture(), picture()
    offer = await lab.offered(intent, vendor, media=[await uploaded(lab, vendor, shown)])
    beside = await lab.offered(intent, vendor, media=[await uploaded(lab, vendor, other)])
    await lab.accepted(offer)
    content = {"ref": await uploaded(lab, anna, told)}
    await lab.say(anna, "disclosure.release", lab.bodies.release(content=content), offer)
    await lab.say(anna, "offer.cancel", {}, offer)
    await gets(lab, "VRM-BLB-006", told, vendor)
    await asyncio.sleep(1.1)  # what is put again within the second of the purge is not judged
    await lab.say(vendor, "purge.attest", {"erased_at": lab.bodies.at(0), "kept": []}, offer)
    await hidden(lab, "VRM-BLB-006", told, vendor)
    await hidden(lab, "VRM-BLB-006", shown, vendor)
    await gets(lab, "VRM-BLB-006", told, anna)
    await gets(lab, "VRM-BLB-006", shown, anna)
    await gets(lab, "VRM-BLB-006", other, anna, vendor)
    await hidden(lab, "VRM-BLB-006", other, await lab.vendor())
    assert beside.second is vendor


@check("VRM-BLB-007", profile="intent")
async def a_blob_is_served_for_download_and_without_sniffing(lab: Lab) -> None:
    """A page for a browser that a message calls one, and one that nobody refers to, are bytes to save."""
    anna, bob = lab.person(), lab.person()
    page = b"<!doctype html><script>alert(1)</script>" + secrets.token_hex(8).encode()
    drawing = b'<svg xmlns="http://www.w3.org/2000/svg"><!--%d--></svg>' % secrets.randbits(64)
    media = [
        {**await uploaded(lab, anna, page), "media_type": "text/html"},
        {**await uploaded(lab, anna, drawing), "media_type": "image/svg+xml"},
    ]
    for data in (page, drawing):
        _for_download(lab, await fetched(lab, anna, data))
    await lab.published(anna, need=lab.bodies.need(media=media))
    for data in (page, drawing):
        await gets(lab, "VRM-BLB-007", data, bob)
        _for_download(lab, await fetched(lab, bob, data))
        url = lab.blobs + jose.digest(data)
        asked = await lab.talk.read(bob.key, bob.id, url, headers={"Accept": "text/html,image/*"})
        if asked.status == 200:
            _for_download(lab, asked)


def _for_download(lab: Lab, answer: Answer) -> None:
    lab.holds("VRM-BLB-007", answer.status == 200, "200", answer.said)
    same(lab, "VRM-BLB-007", "application/octet-stream", answer.media)
    sniffing = answer.headers.get("X-Content-Type-Options", "").strip().lower()
    lab.holds("VRM-BLB-007", sniffing == "nosniff", "X-Content-Type-Options: nosniff", sniffing)
    disposition = answer.headers.get("Content-Disposition", "").partition(";")[0].strip().lower()
    lab.holds("VRM-BLB-007", disposition == "attachment", "Content-Disposition: attachment", disposition)


@check("VRM-BLB-008", profile="intent", slow=True)
async def blobs_that_no_message_names_are_bounded(lab: Lab) -> None:
    """One uploader comes to an end with them; another does not notice, and what was put is there."""
    anna, bob = lab.person(), lab.person()
    first = picture(40)
    await uploaded(lab, anna, first)
    for place in range(1, TRIED):
        answer = await lab.put(anna, b"%d " % place + picture(20))
        if answer.status != 201:
            lab.refused("VRM-BLB-008", answer, "rate-limited")
            break
    else:
        raise Inconclusive(f"{TRIED} blobs of one uploader were taken")
    await gets(lab, "VRM-BLB-008", first, anna)
    await uploaded(lab, bob, picture())
