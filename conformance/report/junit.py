"""The report as JUnit XML, which most build servers show: a suite a profile, a case a requirement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as ET

from conformance.report.text import plain
from conformance.report.transcript import unlinked, visible

__all__ = ["junit"]

Json = Mapping[str, Any]


def junit(document: Json) -> bytes:
    """The XML in UTF-8.

    What is not judged, not applicable or known to the baseline is skipped; what stayed open is an error.
    """
    root = ET.Element("testsuites", name=f"VRM conformance of {_said(document['target'])}")
    names = {p["name"]: p["judged"] for p in document["profiles"]}
    names |= {r["profile"]: True for r in document["requirements"] if r["profile"] not in names}
    for name, judged in names.items():
        mine = [r for r in document["requirements"] if r["profile"] == name]
        if judged and mine:
            suite = ET.SubElement(root, "testsuite", name=f"vrm.{name or 'unknown'}")
            for rule in mine:
                _case(suite, rule, document)
            _count(suite)
    if document["baseline"]["stale"]:
        suite = ET.SubElement(root, "testsuite", name="vrm.baseline")
        for entry in document["baseline"]["stale"]:
            name = f"line {entry['line']} {entry['requirement']} {entry['check']}".strip()
            case = ET.SubElement(suite, "testcase", name=_said(name), classname="vrm.baseline", time="0")
            ET.SubElement(case, "failure", type="stale", message=_said(entry["why"]))
        _count(suite)
    _count(root)
    root.set("time", f"{document['seconds']:.3f}")
    if document["started"]:
        root.set("timestamp", _said(document["started"]))
    ET.indent(root)
    data: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return data + b"\n"


def _case(suite: ET.Element, rule: Json, document: Json) -> None:
    page = rule["page"].removeprefix("protocol/").removesuffix(".md") or "unknown"
    classname = f"{suite.get('name')}.{page}"
    case = ET.SubElement(
        suite, "testcase", name=f"{rule['id']} {_said(unlinked(rule['text']))}".strip(), time="0"
    )
    case.set("classname", classname)
    verdict = rule["verdict"]
    broken = [f for f in document["failures"] if f["requirement"] == rule["id"]]
    if verdict == "fail" and rule["known"]:
        reason = broken[0]["known"]["reason"] if broken else ""
        ET.SubElement(case, "skipped", message=_said(f"known failure: {reason}"))
        _out(case, broken, document)
    elif verdict == "fail":
        first = next((f for f in broken if not f["known"]), broken[0])
        message = f"expected {first['expected']}; got {first['got']}"
        failed = ET.SubElement(case, "failure", type=_said(first["check"]), message=_said(message))
        failed.text = _said(plain(first, document))
    elif verdict == "inconclusive":
        ET.SubElement(case, "error", type="inconclusive", message=_said(rule["reason"]))
        _out(case, broken, document)
    elif verdict in ("not-judged", "not-applicable"):
        ET.SubElement(case, "skipped", message=_said(rule["reason"] or verdict))
    elif verdict == "warn":
        _out(case, [f for f in document["warnings"] if f["requirement"] == rule["id"]], document)


def _out(case: ET.Element, entries: list[Any], document: Json) -> None:
    if entries:
        ET.SubElement(case, "system-out").text = _said(plain(entries[0], document))


def _said(text: str) -> str:
    """Text that XML can carry."""
    return visible(text).replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")


def _count(suite: ET.Element) -> None:
    cases = list(suite.iter("testcase"))
    suite.set("tests", str(len(cases)))
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(sum(case.find(tag) is not None for case in cases)))
