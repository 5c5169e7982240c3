"""What the guards of a relationship cost: a word of an organisation in a young and in an old relationship.

``python -m benchmarks.relationships [--many N] [--json]``. Both relationships lie in one store and are asked
in turn, a batch of 64 words each, without HTTP; the messages of the old one are accepted before, not copied.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vrmproto import envelope, keys, spec, timing
from vrmproto.home import Acknowledgement, Answer, Arrival, Config, Home
from vrmproto.keys import PrivateKey
from vrmproto.storage.sqlite import SqliteStore

ORIGIN = "https://home.example"
CARE = "https://w3id.org/dpv#CommunicationForCustomerCare"
BATCH = 64


@dataclass
class Pair:
    """A person and an organisation without a domain, with a relationship."""

    home: Home
    person: PrivateKey
    vendor: PrivateKey
    now: int
    count: int = 0
    record: str = ""
    relationship: str = ""
    dialogue: str = ""

    def token(self, by: PrivateKey, type_: str, body: Any, **more: Any) -> bytes:
        self.count += 1
        to = self.vendor if by is self.person else self.person
        claims = {
            "vrm": "1.0",
            "home": ORIGIN,
            "type": type_,
            "iss": by.did,
            "aud": to.did,
            "jti": f"{self.count:024d}",
            "iat": self.now,
            "exp": self.now + 3600,
            "body": body,
            **more,
        }
        return envelope.seal(by, claims).encode()

    def say(self, by: PrivateKey, type_: str, body: Any, **more: Any) -> str:
        token = self.token(by, type_, body, **more)
        self.home.accept(token, self.now)
        return envelope.mid_of(token)

    def begin(self) -> None:
        """Terms, a relationship on the rung of a subscriber, a consent and a dialogue."""
        roster = self.home.spec.roster
        named = roster.named("SD-BASE").reference
        later = timing.text(self.now + 86400)
        read = {"lang": "en", "place": "NL"}
        body = {"roster": {"id": roster.id, "version": roster.version}, "preferred": named, **read}
        proffer = self.say(self.person, "terms.proffer", {**body, "purpose": CARE, "answer_by": later})
        body = {"accepts": proffer, "agreement": named, **read}
        self.record = self.say(self.vendor, "terms.accept", body, thid=proffer, prev=proffer)
        ladder, agr = self.home.spec.ladder.digest, {"agr": self.record}
        rate = {"zone": "Europe/Amsterdam", "quiet": [{"from": "03:00", "to": "03:01"}]}
        body = {"ladder": ladder, "preferences": rate}
        opened = self.relationship = self.say(self.person, "relationship.open", body, **agr)
        body = {"stage": "subscriber", "ladder": ladder}
        self.say(self.person, "relationship.step", body, thid=opened, prev=opened, **agr)
        asked = dict(self.home.spec.types["consent.request"].schema["examples"][0])
        asked |= {"purposes": ["https://w3id.org/dpv#DirectMarketing"], "answer_by": later}
        consent = self.say(self.vendor, "consent.request", asked, pthid=opened, **agr)
        body = {"purposes": asked["purposes"], "valid_until": later}
        self.say(self.person, "consent.grant", body, thid=consent, prev=consent, **agr)
        self.dialogue = self.say(self.vendor, "dialogue.message", WORD, pthid=opened, **agr)

    def words(self, count: int) -> list[Arrival]:
        """Words of the organisation, each in a dialogue of its own or in the one that there is."""
        made = []
        for n in range(count):
            where = {"pthid": self.relationship} if n % 2 else {"thid": self.dialogue, "prev": self.dialogue}
            token = self.token(self.vendor, "dialogue.message", WORD, agr=self.record, **where)
            made.append(Arrival(self.home.parse(token)))
        return made

    def take(self, words: list[Arrival]) -> float:
        """Microseconds of CPU for each of them; all have to be taken."""
        began = time.process_time()
        answers = self.home.accept_batch(words, self.now)
        spent = time.process_time() - began
        assert all(isinstance(answer, Answer) for answer in answers), answers[0]
        return spent / len(words) * 1e6


WORD = {"about": {"purpose": CARE, "fields": ["text"]}, "content": {"clear": {"text": "Is it well?"}}}


def measure(many: int, rounds: int) -> dict[str, Any]:
    """Microseconds of CPU a word, young and old, the medians and the least of the rounds, and their ratio."""
    now = 1_800_000_000
    with tempfile.TemporaryDirectory(prefix="vrmproto-bench-") as folder:
        store = SqliteStore(Path(folder) / "home.db")
        home = Home(spec.load(), store, [keys.generate()], Config(origin=ORIGIN, inbox=10**9))
        pairs = []
        for name in ("young", "old"):
            person, vendor = (keys.derive(b"r" * 32, f"{name}/{role}") for role in ("person", "vendor"))
            home.accept_batch([Acknowledgement(vendor.did), Acknowledgement(person.did)], now)
            pairs.append(Pair(home, person, vendor, now))
            pairs[-1].begin()
        young, old = pairs
        while old.count < many:
            old.take(old.words(min(256, many - old.count)))
        found: dict[str, list[float]] = {"young": [], "old": []}
        for _ in range(rounds):
            fresh = Pair(home, *(keys.generate() for _ in range(2)), now)
            home.accept_batch([Acknowledgement(k.did) for k in (fresh.person, fresh.vendor)], now)
            fresh.begin()
            found["young"].append(fresh.take(fresh.words(BATCH)))
            found["old"].append(old.take(old.words(BATCH)))
        young.home.store.close()
    medians = {name: statistics.median(values) for name, values in found.items()}
    ratios = [old / young for old, young in zip(found["old"], found["young"], strict=True)]
    return {
        "messages": many,
        "young_us": round(medians["young"], 1),
        "old_us": round(medians["old"], 1),
        "least_us": {name: round(min(values), 1) for name, values in found.items()},
        "ratio": round(statistics.median(ratios), 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--many", type=int, default=10_000, help="messages of the old relationship")
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    found = measure(asked.many, asked.rounds)
    if asked.json:
        print(json.dumps(found))
        return
    print(f"a word of an organisation, CPU us, batches of {BATCH}:")
    print(f"  in a young relationship        {found['young_us']:8.1f}")
    print(f"  in one with {found['messages']:>7,} messages  {found['old_us']:8.1f}")
    print(f"  ratio, median of the rounds    {found['ratio']:8.3f}")


if __name__ == "__main__":
    main()
