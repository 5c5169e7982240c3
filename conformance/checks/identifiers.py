"""How organisations are spelled: one way, wherever the home is."""

from __future__ import annotations

import asyncio

from conformance import jose
from conformance.lab import Lab, Party, check

_WRONG = (
    "https://shop.example/",
    "https://shop.example//",
    "https://shop.example?a",
    "https://shop.example#a",
    "https://SHOP.example",
    "https://Shop.example",
    "HTTPS://shop.example",
    "https://shop.example:443",
    "https://shop.example:0443",
    "https://shop.example:",
    "https://shop.example:a",
    "https://anna@shop.example",
    "https://anna:x@shop.example",
    "https://shop.example ",
    " https://shop.example",
    "https://shop.example\n",
    "https://shop..example",
    "https://.shop.example",
    "https://-shop.example",
    "https://shop_.example",
    "https://sh\u00f6p.example",
    "https://",
    "https:shop.example",
    "shop.example",
    "ftp://shop.example",
    "http://shop.example",
)
_RIGHT = (
    "https://shop.example",
    "https://shop.example:8443",
    "https://xn--shp-sna.example",
    "https://s-1.shop.example",
)


@check("VRM-ID-002")
async def an_organisation_is_spelled_in_one_way(lab: Lab) -> None:
    """A wrong spelling is no identifier; a right one that nobody knows here is unknown."""
    person = lab.person()

    async def to(aud: str, code: str) -> None:
        said = await lab.attempt(person, "terms.proffer", lab.bodies.proffer(), aud=aud)
        lab.refused("VRM-ID-002", said, code)

    await asyncio.gather(*(to(aud, "claim-invalid") for aud in _WRONG))
    await asyncio.gather(*(to(aud, "addressee-unknown") for aud in _RIGHT))


@check("VRM-ID-009", needs="origin")
async def a_key_that_is_not_published_is_unknown(lab: Lab) -> None:
    """Of an organisation that publishes one key and of one that publishes two."""
    one = await lab.session.organisation("one key", ["one key"], (), {}, known=True)
    two = await lab.session.organisation("two keys", ["two keys", "its second"], (), {}, known=True)
    vendor = await lab.vendor()
    for made in (one, two):
        shop = Party(made.origin, jose.generate(), "an organisation")
        said = await lab.attempt(shop, "offer.make", lab.bodies.offer(jose.digest(b"")), aud=vendor.id)
        lab.refused("VRM-ID-009", said, "key-unknown")
