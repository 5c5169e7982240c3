"""Vectors of references to blobs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests import forge
from tests.make_vectors.base import NEXT, NOW, PERSON, SHOP, SHOP_ID, Vector, chapter, refused, taken
from tests.make_vectors.market import (
    ACCEPTED,
    BLOBS,
    EMPTY,
    NEED,
    OFFERED,
    OPEN,
    ORDERS,
    PICTURE,
    Market,
    amendment,
    picture,
    put,
    revision,
)


def shown_in(**changes: Any) -> dict[str, Any]:
    """A need with a picture."""
    return {**NEED, "media": [picture(**changes)]}


@chapter
def blobs() -> Iterator[Vector]:
    def token(**changes: Any) -> bytes:
        return EMPTY.publishing(need=shown_in(**changes))

    def put_by(by: str = PERSON.did, at: int = NOW) -> dict[str, Any]:
        return EMPTY.case(**put(by, at))

    shown, elsewhere = ("VRM-BLB-004",), f"{SHOP_ID}/{forge.digest(PICTURE)}"
    what = "An intent with a picture that was put before."
    yield taken("blob-put", "open", what, token(), covers=shown, **put_by())
    what = "An intent with a picture that was put an hour ago."
    yield taken("blob-put-an-hour-ago", "open", what, token(), covers=shown, **put_by(at=NOW - 3600))
    for slug, what, sent, case in (
        ("blob-never-put", "A picture that nobody has put.", token(), EMPTY.case()),
        ("blob-put-by-another", "A picture that another has put.", token(), put_by(NEXT.did)),
        ("blob-put-too-early", "A picture put an hour and a second ago.", token(), put_by(at=NOW - 3601)),
        ("blob-other-size", "A picture with another size.", token(size=len(PICTURE) + 1), put_by()),
        (
            "blob-elsewhere",
            "A picture at another server.",
            token(url=elsewhere),
            put_by(),
        ),
    ):
        yield refused(slug, "VRM-BLB-004", "blob-unknown", what, sent, **case)


@chapter
def later_blobs() -> Iterator[Vector]:
    """References after the first message of a thread, and in the threads of offers."""
    covers, hour = ("VRM-BLB-004",), 3600

    def held(slug: str, state: str, what: str, token: bytes, at: Market, by: str, when: int = NOW) -> Vector:
        return taken(f"blob-{slug}", state, what, token, covers=covers, **at.case(**put(by, when)))

    def not_held(slug: str, what: str, token: bytes, at: Market, by: str = "", when: int = NOW) -> Vector:
        case = at.case(**(put(by, when) if by else {}))
        return refused(f"blob-{slug}", "VRM-BLB-004", "blob-unknown", what, token, **case)

    token = EMPTY.publishing(need=shown_in(size=len(PICTURE) - 1))
    yield not_held("smaller", "A picture with a smaller size.", token, EMPTY, PERSON.did)
    lost = picture(sha256=forge.b64(bytes(32)), url=BLOBS + forge.b64(bytes(32)))
    token = EMPTY.publishing(need={**NEED, "media": [picture(), lost]})
    yield not_held("second", "A picture that was put, and one that was not.", token, EMPTY, PERSON.did)
    token = EMPTY.publishing(need=shown_in(url=BLOBS + forge.b64(bytes(32))))
    yield not_held("other-url", "The URL is that of another blob here.", token, EMPTY, PERSON.did)
    token = EMPTY.publishing(need={**NEED, "media": [picture(), picture()]})
    yield held("twice", "open", "One picture, named twice.", token, EMPTY, PERSON.did)

    shown = EMPTY.published(need=shown_in())
    late = shown.at(NOW + 2 * hour)
    amend = late.of_intent("intent.amend", amendment(need=shown_in()))
    what = "An amendment with the picture of the intent, put two hours ago."
    yield held("of-the-thread", "open", what, amend, late, PERSON.did)
    bare = shown.amended().at(NOW + 2 * hour)
    token = bare.of_intent("intent.amend", amendment(3, need=shown_in()))
    what = "The third version has the picture of the first again; the second had none."
    yield held("of-an-old-version", "open", what, token, bare, PERSON.did)
    token = late.publishing(need=shown_in())
    what = "Another intent with this picture, put two hours ago."
    yield not_held("of-another-thread", what, token, late, PERSON.did)
    token = OPEN.of_intent("intent.amend", amendment(need=shown_in()))
    yield held("amended", "open", "An amendment with a picture.", token, OPEN, PERSON.did)
    yield not_held("amended-never-put", "An amendment with a picture that nobody has put.", token, OPEN)

    offer = OPEN.making(media=[picture()])
    yield held("offered", "offered", "An offer with a picture.", offer, OPEN, SHOP_ID)
    yield not_held("offered-never-put", "An offer with a picture that nobody has put.", offer, OPEN)
    what = "An offer with a picture that the person has put."
    yield not_held("offered-by-another", what, offer, OPEN, PERSON.did)
    what = "An offer with the picture of the intent, which the vendor did not put: its thread is another."
    yield not_held("of-the-intent", what, shown.making(media=[picture()]), shown, PERSON.did)

    made = OPEN.made(media=[picture()]).at(NOW + 2 * hour)
    token = made.of_offer(SHOP, "offer.revise", revision(media=[picture()]))
    what = "A revision with the picture of the offer, put two hours ago."
    yield held("revised", "offered", what, token, made, SHOP_ID)
    token = OFFERED.of_offer(SHOP, "offer.revise", revision(media=[picture()]))
    yield not_held("revised-never-put", "A revision with a picture that nobody has put.", token, OFFERED)

    file = {"about": {"purpose": ORDERS, "fields": ["name"]}, "content": {"ref": picture()}}
    token = ACCEPTED.of_offer(PERSON, "disclosure.release", file)
    yield held("released", "accepted", "A name is disclosed as a file.", token, ACCEPTED, PERSON.did)
    what = "A name is disclosed as a file that nobody has put."
    yield not_held("released-never-put", what, token, ACCEPTED)
    what = "A name is disclosed as a file that the vendor has put."
    yield not_held("released-by-another", what, token, ACCEPTED, SHOP_ID)
    seen = OPEN.made(media=[picture()]).accepted()
    token = seen.of_offer(PERSON, "disclosure.release", file)
    what = "What is disclosed is a file that the vendor named in this thread: it may be named here."
    yield held("released-of-the-thread", "accepted", what, token, seen, SHOP_ID)
