"""What the files of a bundle say, and whether they belong together; see :mod:`vrmproto.bundle`. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vrmproto import consent_records, envelope, keys, records, refusals, strictjson
from vrmproto.chains import automatic
from vrmproto.envelope import Message, Opening
from vrmproto.errors import ProtocolError
from vrmproto.findings import Findings
from vrmproto.keys import PublicKey
from vrmproto.spec import BASE, Spec
from vrmproto.verification import KeyRing, Link, compare, contradict, open_receipt, read_key_set

__all__ = ["FILES", "Contents"]

FILES = (
    "after.jwt",
    "before.jwt",
    "checkpoint.jwt",
    "home.json",
    "message.jwt",
    "problem.json",
    "receipt.jwt",
    "record.json",
    "request.jwt",
    "thread.json",
)
OFFLINE = frozenset(
    {"size", "segments", "json", "vrm", "header", "typ", "alg", "claims", "home"}
    | {"signature", "kid", "ext", "type", "body"}
)
"""Checks that a token alone decides; ``claims`` also stands for faults of rows, which it does not."""
SIGNED = frozenset({"signature", "kid"})
"""Of these the ones that need the sender's key."""


class Contents:
    """The files of one bundle, judged by what they say."""

    def __init__(
        self, found: Findings, spec: Spec, files: Mapping[str, bytes], expect: Mapping[str, Any]
    ) -> None:
        self.found, self.spec, self.files, self.expect = found, spec, files, expect
        self.refused = expect.get("refused")
        self.home = ""
        self.ring = KeyRing("", (), None)
        self.raw = files.get("message.jwt", b"")
        self.mid = envelope.mid_of(self.raw) if self.raw else ""
        self.message: Message | None = None
        self.receipt: dict[str, Any] | None = None
        self.states: list[tuple[int, str]] = []
        """What verified files say of the state after the step: (time, state)."""

    def check(self) -> None:
        """Judge every file, then what they claim together."""
        self._home()
        self._receipt()
        self._message()
        self._request()
        self._documents()
        self._around()
        self._problem()
        self._claims()
        self.found.facts |= {"home": self.home, "expect": dict(self.expect)}
        if self.message is not None:
            self.found.facts |= {"mid": self.mid, "type": self.message.type, "from": self.message.iss}

    # --- whose home --------------------------------------------------------------------------

    def _home(self) -> None:
        """The keys of the home: from its discovery document, else from a record or a thread."""
        found = self.found
        if "home.json" in self.files:
            data = self.files["home.json"]
            document, broken = strictjson.read(data)
            valid = not broken and self.spec.valid("documents/discovery.json", document)
            wrong = "home.json is not a discovery document"
            if found.check("home.json is a discovery document", valid, wrong, "VRM-HOM-001"):
                self.home = document["issuer"]
                shown = list(read_key_set(self.home, data).keys.values())
                self.ring = KeyRing(self.home, (), shown)
            return
        for name in ("record.json", "thread.json"):
            document = strictjson.read(self.files.get(name, b""))[0]
            if document:
                self.home = str(document.get("home") or self._issuer(document.get("checkpoint")))
                self.ring = KeyRing.read(Findings(""), self.home, self._entries(document), None)
                found.trust(f"the keys of the home {self.home}: its discovery document is not here")
                return
        plain = {"message.jwt", "problem.json", "request.jwt"} >= self.files.keys()
        wrong = "neither home.json nor a record or thread is here, so no receipt can be verified"
        found.check("the keys of the home are here", plain, wrong)
        self.home = self._issuer(self.raw.decode("ascii", "replace"), "home")

    def _entries(self, document: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The well-formed entries of ``keys``."""
        listed = document.get("keys")
        valid = isinstance(listed, list)
        return [e for e in listed or () if self.spec.valid("documents/key.json", e)] if valid else []

    @staticmethod
    def _issuer(token: Any, claim: str = "iss") -> str:
        try:
            return str(envelope.peek(str(token))[1].get(claim, ""))
        except ProtocolError:
            return ""

    # --- tokens ------------------------------------------------------------------------------

    def _of_home(self, name: str) -> dict[str, Any] | None:
        if name not in self.files:
            return None
        token = self.files[name].decode("ascii", "replace")
        return self.found.attempt(
            f"{name} verifies", "VRM-HOM-010", lambda: open_receipt(self.spec, self.ring, token)
        )

    def _receipt(self) -> None:
        self.receipt = self._of_home("receipt.jwt")
        if self.receipt is not None:
            self._state(self.receipt)
            plain = "checkpoint" not in self.receipt
            self.found.check("the receipt is no checkpoint", plain, "it is a checkpoint", "VRM-HOM-010")
            wrong = "there is a receipt without the message that it is for"
            self.found.check("the receipt comes with its message", bool(self.raw), wrong)

    def _sender_key(self, opening: Opening) -> PublicKey:
        """An organisation's key: the home's own, or as the verified receipt names it (the home's word)."""
        iss, kid = opening.claims["iss"], opening.header["kid"]
        if self.receipt is not None and not iss.startswith(keys.DID) and iss != self.home:
            key = keys.from_jwk(self.receipt["key"])
            if key.kid == kid:
                self.found.trust(f"the key {kid} of {iss}: the receipt names it")
                return key
        return self.ring.of_sender(opening)

    def _message(self) -> None:
        if not self.raw:
            return
        try:
            self.message = envelope.open_message(
                self.spec, self.raw, home=self.home, key=self._sender_key, now=None, dev=True
            )
        except ProtocolError as error:
            if self.refused is None or not self._refusal_fits(error):
                self.found.check("message.jwt verifies", False, error.detail, error.rule, error.code)
            return
        self.found.check("message.jwt verifies", True, "", "VRM-ENV-030")
        if self.refused is not None:
            self._check_deserved(OFFLINE)
        if self.receipt is not None:
            compare(self.found, self.ring, Link.of("the message", self.message, self.receipt))

    def _refusal_fits(self, error: ProtocolError) -> bool:
        """Whether a home that answers the first fault may have answered the code that is claimed."""
        if error.code == "key-unknown":
            self.found.trust("the sender of the refused message: its key is not here")
            return self._unsigned_fits()

        def places(code: str) -> list[int]:
            order = list(self.spec.checks)
            by = self.spec.errors.get(code, {}).get("by", ())
            return [order.index(c) for c in by if c in order] or [len(order)]

        fits = self.refused == error.code or min(places(str(self.refused))) < max(places(error.code))
        wrong = f"the message breaks {error.code} first"
        return self.found.check("the message deserves its refusal", fits, wrong, error.rule, error.code)

    def _unsigned_fits(self) -> bool:
        """The same where the sender's key is not here: what the message says is judged all the same."""
        try:
            opening = envelope.parse(self.spec, self.raw, home=self.home, dev=True)
            envelope.check_content(opening)
        except ProtocolError as error:
            return self._refusal_fits(error)
        return self._check_deserved(OFFLINE - SIGNED)

    def _check_deserved(self, decided: frozenset[str]) -> bool:
        """A message that is right by itself: ``decided`` are the checks that it has passed here."""
        code = str(self.refused)
        by = set(self.spec.errors.get(code, {}).get("by", ()))
        wrong = f"the message itself breaks no rule of {code}" if by and by <= decided else ""
        if not wrong:
            rule = strictjson.read(self.files.get("problem.json", b""))[0].get("requirement", "")
            claims = envelope.peek(self.raw)[1]
            around = (self._peeked("before.jwt"), self._peeked("after.jwt"))
            wrong = refusals.undeserved(self.spec, claims, code, str(rule), around, self.message)
        if not wrong and not by <= decided:
            self.found.trust(f"that {code} is the right answer: it rests on what the home has stored")
        return self.found.check("the message deserves its refusal", not wrong, wrong)

    def _peeked(self, name: str) -> dict[str, Any] | None:
        """The claims of a checkpoint that verifies; whether it does is told elsewhere."""
        if name not in self.files:
            return None
        try:
            return open_receipt(self.spec, self.ring, self.files[name].decode("ascii", "replace"))
        except ProtocolError:
            return None

    def _request(self) -> None:
        if "request.jwt" not in self.files:
            return
        claims = self.found.attempt(
            "request.jwt verifies",
            "VRM-HOM-015",
            lambda: envelope.open_signed(
                self.spec,
                self.files["request.jwt"],
                typ=envelope.REQUEST,
                schema="documents/request.json",
                key=self._reader_key,
            ),
        )
        if claims is not None:
            own = claims["aud"] == self.home and claims["htu"].startswith(self.home + "/")
            self.found.check(
                "the request is to this home",
                own,
                "aud or htu is another home",
                "VRM-HOM-015",
                "request-invalid",
            )

    def _reader_key(self, opening: Opening) -> PublicKey:
        """A reader's key: her own, the home's, or one that the record or thread lists."""
        for name in ("record.json", "thread.json"):
            if name in self.files:
                listed = self._entries(strictjson.read(self.files[name])[0])
                ring = KeyRing.read(Findings(""), self.home, listed, list(self.ring.home_keys.values()))
                return ring.of_sender(opening)
        return self._sender_key(opening)

    # --- what was read -------------------------------------------------------------------------

    def _documents(self) -> None:
        shown = list(self.ring.home_keys.values()) if self.ring.known else None
        thid = self._thid()
        for name, verify in (("record.json", consent_records.verify), ("thread.json", records.verify_thread)):
            if name not in self.files:
                continue
            report = verify(self.spec, self.files[name], shown)
            self.found.adopt(name, report)
            if not report.ok:
                continue
            facts = report.facts
            self.found.check(f"{name} is of this home", facts["home"] == self.home, "it is another home's")
            wrong = "it is of another thread than the message"
            self.found.check(f"{name} is of this thread", not thid or facts["thid"] == thid, wrong)
            mids = [m["mid"] for m in facts.get("messages", ())]
            if self.mid and self.refused is not None:
                self.found.check(f"{name} lacks what was refused", self.mid not in mids, "it was stored")
            elif self.mid and name == "thread.json":
                self.found.check(f"{name} has the message", self.mid in mids, "the message is not in it")
            self.states.append((int(facts.get("checked_at", 0)), str(facts["state"])))
        claims = self._of_home("checkpoint.jwt")
        if claims is not None:
            self._is_checkpoint("checkpoint.jwt", claims, thid)
            self._state(claims)
            if self.receipt is not None:
                wrong = "checkpoint and receipt contradict each other"
                fits = not contradict(claims, self.receipt) and claims["seq"] >= self.receipt["seq"]
                self.found.check("checkpoint.jwt continues the receipt", fits, wrong, "VRM-AGT-005")

    def _thid(self) -> str:
        """The thread that the message names or opens; of one that opens none, the parent it names."""
        if not self.raw:
            return ""
        try:
            claims = envelope.peek(self.raw)[1]
        except ProtocolError:
            return ""
        named, above = (claims.get(n) for n in ("thid", "pthid"))
        if self.refused is not None:
            named = named or above
            known = self.refused not in ("thread-unknown", "parent-unknown")
            return named if isinstance(named, str) and known else ""
        return named if isinstance(named, str) else self.mid

    def _state(self, claims: Mapping[str, Any]) -> None:
        self.states.append((claims["iat"], claims["state"]))

    def _is_checkpoint(self, name: str, claims: Mapping[str, Any], thid: str) -> None:
        right = claims.get("checkpoint") is True and thid in ("", claims["thid"])
        wrong = "it is no checkpoint, or one of another thread"
        self.found.check(f"{name} is a checkpoint of this thread", right, wrong, "VRM-HOM-026")

    def _around(self) -> None:
        """The checkpoints before and after."""
        before, after = self._of_home("before.jwt"), self._of_home("after.jwt")
        for name, claims in (("before.jwt", before), ("after.jwt", after)):
            if claims is not None:
                self._is_checkpoint(name, claims, self._thid())
        if before is not None and after is not None:
            same_thread = before["thid"] == after["thid"] and before["iat"] <= after["iat"]
            wrong = "they are of two threads, in the wrong order, or contradict each other"
            fits = same_thread and not contradict(before, after)
            self.found.check("before.jwt and after.jwt belong together", fits, wrong, "VRM-AGT-005")
        if self.refused is not None:
            self._unchanged(before, after)
        elif self.receipt is not None and before is not None:
            stored = before["seq"] >= self.receipt["seq"]
            again = self.expect.get("status") == 200
            wrong = "before.jwt shows the message as stored" if stored else "before.jwt lacks the message"
            self.found.check("before.jwt fits the status", stored == again, wrong, "VRM-ENV-022")
            wrong = "before.jwt and the receipt contradict each other"
            self.found.check(
                "before.jwt fits the receipt", not contradict(before, self.receipt), wrong, "VRM-AGT-005"
            )
        if self.refused is None and self.receipt is not None and after is not None:
            fits = after["seq"] >= self.receipt["seq"] and not contradict(after, self.receipt)
            self.found.check("after.jwt has the message", fits, "it lacks it", "VRM-AGT-005")

    def _unchanged(self, before: dict[str, Any] | None, after: dict[str, Any] | None) -> None:
        """VRM-THR-016."""
        for claims in (before, after):
            if claims is not None:
                wrong = "the refused message is the last one of the thread"
                self.found.check(
                    "the refused message was not stored", claims["mid"] != self.mid, wrong, "VRM-THR-016"
                )
        if before is None or after is None:
            return
        same = (before["seq"], before["mid"]) == (after["seq"], after["mid"])
        self.found.check("nothing was stored", same, "the thread has changed", "VRM-THR-016")
        moved = any(after["state"] in automatic(k, before["state"]) for k in self.spec.kinds.values())
        wrong = "the state has changed, and no deadline or other cause leads there"
        self.found.check("the state is the same", moved, wrong, "VRM-THR-016")
        self._state(after)

    # --- what is claimed -------------------------------------------------------------------------

    def _problem(self) -> None:
        if "problem.json" not in self.files:
            return
        problem, broken = strictjson.read(self.files["problem.json"])
        valid = not broken and self.spec.valid("documents/problem.json", problem)
        if not self.found.check("problem.json is a problem", valid, "it is none", "VRM-HOM-029"):
            return
        code = problem["code"]
        entry = self.spec.errors.get(code)
        fits = entry is not None and all(problem[n] == entry[n] for n in ("status", "title", "retryable"))
        fits = fits and problem["type"] == f"{BASE}errors/{code}"
        wrong = "code, status, title and type do not go together"
        self.found.check("the problem is one of the list", fits, wrong, "VRM-HOM-029")
        rule = problem.get("requirement", "")
        known = rule in self.spec.requirements
        self.found.check("the problem names a requirement", known, "there is no such one", "VRM-HOM-029")
        wrong = f"the home answered {code}"
        self.found.check("the refusal is the one claimed", code == self.refused, wrong)
        status = self.expect.get("status", problem["status"])
        wrong = "another status is claimed"
        self.found.check("the status is the one claimed", status == problem["status"], wrong)

    def _claims(self) -> None:
        """Each member of ``expect`` is shown by a file."""
        found, expect = self.found, self.expect
        if self.refused is not None:
            found.check("the refusal is here", "problem.json" in self.files, "problem.json is missing")
            found.check("what was refused has no receipt", self.receipt is None, "there is a receipt")
        elif self.raw:
            found.check(
                "the receipt is here", self.receipt is not None, "receipt.jwt is missing", "VRM-AGT-001"
            )
        if "state" in expect:
            shown = max(self.states, key=lambda told: told[0])[1] if self.states else "nothing"
            wrong = f"the latest that the files say is {shown}"
            found.check("the state is the one claimed", shown == expect["state"], wrong)
        if "status" in expect and self.refused is None:
            # 200 to a message is the answer to one that was stored before: a checkpoint has to show it
            again = expect["status"] == 200 and "before.jwt" in self.files
            read = expect["status"] == 200 and not self.raw
            first = expect["status"] == 202 and bool(self.raw)
            wrong = "202 needs a message, 200 a read, or before.jwt that shows the message as stored"
            found.check("the status is shown", again or read or first, wrong)
