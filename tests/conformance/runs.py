"""Runs that are made up, for tests of their reports."""

from __future__ import annotations

import functools
import json
from datetime import date
from typing import Any

import jsonschema_rs

from conformance import jose, report
from conformance.baseline import Baseline
from conformance.results import Exchange, Outcome, Run, Verdict
from vrmproto.spec import Spec, load

HOSTILE = (
    "</pre></script><script>alert(1)</script>"
    "<img src=x onerror='a' href=\"//evil.test\">&\x1b[2J\x00\u202e\ud800"
)
KEY = jose.generate()
PERSON = jose.generate()
URL = "http://127.0.0.1:8080"


@functools.cache
def spec() -> Spec:
    return load()


def homes() -> list[str]:
    return [r.id for r in spec().requirements.values() if r.role == "home"]


def token(**body: Any) -> str:
    sent = {"iss": PERSON.did, "aud": "https://shop.test", "type": "terms.proffer", "body": body}
    return jose.token(PERSON, sent)


def asked(answer: str = '{"code":"deadline-passed","status":422}', **more: Any) -> Exchange:
    said = {
        "label": "the person sends terms.proffer",
        "method": "POST",
        "url": f"{URL}/v1/messages",
        "headers": {"Content-Type": "application/vrm+jwt"},
        "body": token(answer_by="2026-01-01T00:00:00Z", note='it\'s "quoted"'),
        "status": 202,
        "answer_headers": {"Content-Type": "application/json"},
        "answer": answer,
        "seconds": 0.0123,
    }
    return Exchange(**{**said, **more})


def failing(requirement: str = "VRM-HOM-029", check: str = "problem.members", **more: Any) -> Outcome:
    said = {
        "expected": "422 with the code `deadline-passed`, for /body/answer_by lies in the past",
        "got": "202 and a receipt",
        "conversation": (asked(), asked(answer=json.dumps({"receipt": jose.token(KEY, {"seq": 1})}))),
        "replay": {"seed": 7, "steps": [1]},
    }
    return Outcome(requirement, check, Verdict.FAIL, **{**said, **more})


def passing() -> list[Outcome]:
    """An outcome for whatever a home has to do, and reasons for what needs an origin."""
    excluded = {"VRM-HOM-007", "VRM-PRV-001"}
    return [
        Outcome(name, f"{name.lower()}.check", Verdict.NOT_JUDGED, reason="needs origin")
        if spec().requirements[name].needs
        else Outcome(name, f"{name.lower()}.check", Verdict.PASS)
        for name in homes()
        if name not in excluded
    ]


def run(*more: Outcome, without: tuple[str, ...] = (), **members: Any) -> Run:
    said: dict[str, Any] = {
        "target": URL,
        "issuer": "https://home.test",
        "profiles": ("core", "terms", "consent", "intent", "relationship"),
        "claimed": ("core", "terms", "intent"),
        "seed": 7,
        "started": "2026-07-01T10:00:00Z",
        "seconds": 81.25,
        "suite": "0.1.0",
        "spec": "1.0",
        "spec_digest": "q" * 43,
        "numbers": {"requests": 4211, "near_misses": 900},
        "transitions": {
            "terms  first terms.proffer": 12,
            "terms proffered second terms.accept": 3,
            "terms proffered deadline": 1,
            "intent first intent.publish": 2,
            "offer accepted either offer.frobnicate": 1,
        },
    }
    outcomes = [o for o in passing() if o.requirement not in without]
    return Run(**{**said, **members}, outcomes=[*outcomes, *more])


def rich_run() -> Run:
    """A run in which everything happens that can."""
    again = failing(conversation=(asked(), asked(), asked()), count=40, expected="longer", replay={"b": 2})
    return run(
        failing(),
        again,
        failing(check="problem.title", expected="a title", got="none", conversation=(), replay=None),
        failing(
            "VRM-INT-001", "intent.publish", got=HOSTILE, conversation=(asked(answer=HOSTILE, status=500),)
        ),
        Outcome("VRM-HOM-010", "c", Verdict.INCONCLUSIVE, reason="no answer within 30 s"),
        Outcome(should(), "slow", Verdict.WARN, expected="soon", got="late", conversation=(asked(),)),
        without=("VRM-HOM-010",),
    )


def musts(profile: str = "") -> int:
    """How many MUSTs a run of :func:`run` judges."""
    judged = [spec().requirements[o.requirement] for o in passing() if o.verdict is Verdict.PASS]
    return sum(r.level.startswith("MUST") and profile in ("", r.profile) for r in judged)


def unjudged() -> int:
    return len(homes()) - sum(o.verdict is Verdict.PASS for o in passing())


def should() -> str:
    return next(r.id for r in spec().requirements.values() if r.role == "home" and r.level == "SHOULD")


def made(of: Run, baseline: Baseline | None = None, today: date | None = None) -> dict[str, Any]:
    """The document of a run, valid against its schema."""
    told = report.document(of, spec(), baseline, today)
    schema = json.loads((spec().root / "meta" / "report.json").read_bytes())
    back = json.loads(report.encoded(told))
    assert [e.message for e in jsonschema_rs.Draft202012Validator(schema).iter_errors(back)] == []
    return told
