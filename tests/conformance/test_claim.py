"""Claims: they hold, say what was found, and nobody can forge or change one."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from conformance import jose, report
from conformance.baseline import Baseline, Known
from conformance.results import Run
from tests.conformance.runs import KEY, PERSON, failing, made, rich_run, run, unjudged

# --- claim.jwt ---------------------------------------------------------------------------------


def claimed(of: Run | None = None, key: jose.Key = KEY) -> tuple[str, bytes]:
    of = of or rich_run()
    data = report.encoded(made(of))
    return report.claim(data, of, key), data


@pytest.mark.parametrize("key", [KEY, jose.generate("ES256")], ids=["Ed25519", "ES256"])
def test_a_claim_holds_and_says_what_was_found(key: jose.Key) -> None:
    made_claim, data = claimed(key=key)
    assert report.verify(made_claim, data) == []
    assert report.verify(made_claim) == []
    assert jose.header_of(made_claim) == {"alg": key.alg, "kid": key.kid, "typ": "vrm-claim+jwt"}
    said = jose.claims_of(made_claim)
    assert said["iss"] == key.did
    assert said["key"] == dict(key.jwk)
    assert said["sub"] == "https://home.test"
    assert said["report"]["digest"] == jose.digest(data)
    assert said["profiles"] == ["core", "terms", "consent", "intent", "relationship"]
    assert said["failed"] == ["VRM-HOM-029", "VRM-INT-001"]
    assert said["verdicts"]["fail"] == 2
    assert not said["conformant"]
    assert len(said["not_judged"]) == unjudged()
    assert "VRM-HOM-007" in said["not_judged"]


def test_a_known_failure_is_a_failure_in_the_claim() -> None:
    of = run(failing(), without=("VRM-HOM-029",))
    data = report.encoded(made(of, Baseline("b", (Known("VRM-HOM-029", "our proxy"),))))
    said = jose.claims_of(report.claim(data, of, KEY))
    assert (said["failed"], said["known"], said["conformant"]) == (["VRM-HOM-029"], ["VRM-HOM-029"], False)


@pytest.mark.parametrize("part", [0, 1, 2])
def test_every_changed_character_of_a_claim_is_found(part: int) -> None:
    made_claim, _ = claimed()
    pieces = made_claim.split(".")
    for at in range(len(pieces[part])):
        old = pieces[part][at]
        changed = list(pieces)
        changed[part] = pieces[part][:at] + ("A" if old != "A" else "B") + pieces[part][at + 1 :]
        assert report.verify(".".join(changed)), at
    for at, old in ((-1, made_claim[-1]),):
        for new in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/":
            assert new == old or report.verify(made_claim[:at] + new), new


def test_every_changed_byte_of_the_report_is_found() -> None:
    made_claim, data = claimed(run())
    for at in range(0, len(data), 997):
        assert report.verify(made_claim, data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    assert report.verify(made_claim, data + b" ")
    assert report.verify(made_claim, b"")


def resigned(signer: jose.Key = KEY, typ: str = "vrm-claim+jwt", **changes: Any) -> str:
    said = {**jose.claims_of(claimed(run())[0]), **changes}
    return jose.token(signer, {n: v for n, v in said.items() if v is not None}, typ)


@pytest.mark.parametrize(
    ("forged", "fault"),
    [
        (resigned(PERSON), "kid is not the thumbprint"),
        (resigned(PERSON, key=dict(PERSON.jwk)), "iss is not the did:jwk"),
        (resigned(typ="vrm+jwt"), "typ is not"),
        (resigned(verdicts=None), "verdicts is missing"),
        (resigned(iat=True), "iat is missing"),
        (resigned(more=1), "more is no member"),
        (resigned(iat=2**40), "iat lies in the future"),
        (resigned(key={"kty": "oct", "crv": "x"}), "its key is none"),
        (resigned(key={"kty": [], "crv": "x"}), "its key is none"),
        ("", "no compact JWS"),
        ("a.b", "no compact JWS"),
        ("é.é.é", "no compact JWS"),
        ("e30.W10.", "no JSON object"),
    ],
)
def test_forged_claims(forged: str, fault: str) -> None:
    assert fault in " ".join(report.verify(forged, claimed(run())[1]))


def test_a_claim_that_says_more_than_its_report_is_found() -> None:
    forged = resigned(verdicts={"pass": 999}, sub="https://other.test")
    assert report.verify(forged, claimed(run())[1]) == [
        "sub is not what the report says",
        "verdicts is not what the report says",
    ]


def test_a_claim_is_made_of_the_report_of_its_run_only() -> None:
    with pytest.raises(ValueError, match="not that of this run"):
        report.claim(report.encoded(made(run())), run(seed=8), KEY)


def test_the_key_is_made_once_and_kept_from_others(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "suite.jwk"
    key = report.key_at(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert report.key_at(file).kid == key.kid
    assert [p.name for p in file.parent.iterdir()] == ["suite.jwk"]
    assert report.verify(claimed(run(), report.key_at(file))[0]) == []
    assert report.key_at(None).kid != report.key_at(None).kid
    file.chmod(0o644)
    with pytest.raises(ValueError, match="others may read"):
        report.key_at(file)
    file.chmod(0o600)
    for wrong in (b"{}", b"no", b"[]", b'{"kty":"RSA","crv":"x","d":"AA"}'):
        file.write_bytes(wrong)
        with pytest.raises(ValueError, match="no private key"):
            report.key_at(file)


def test_a_kept_key_may_be_es256(tmp_path: Path) -> None:
    key = jose.generate("ES256")
    assert isinstance(key.private, ec.EllipticCurvePrivateKey)
    number = key.private.private_numbers()
    file = tmp_path / "k"
    file.touch(0o600)
    file.write_bytes(jose.compact({**key.jwk, "d": jose.b64(number.private_value.to_bytes(32, "big"))}))
    assert report.key_at(file).kid == key.kid
