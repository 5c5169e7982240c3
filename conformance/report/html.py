"""The report as one page that needs nothing else: no request, no script to read it.

Everything that came from the target passes :func:`_e`; the page's policy forbids whatever would get
past that. The only script filters the table of requirements.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

from conformance.report.badge import tally
from conformance.report.diagram import arrows, svg
from conformance.report.transcript import Block, Step, steps, unlinked, visible

__all__ = ["html"]

Json = Mapping[str, Any]

_WORDS = {
    "pass": ("✓", "pass"),
    "fail": ("✗", "fail"),
    "warn": ("!", "warn"),
    "inconclusive": ("?", "open"),
    "not-judged": ("-", "not judged"),
    "not-applicable": ("·", "not applicable"),
}
_MEANINGS = {
    "pass": "it holds",
    "fail": "it is broken",
    "warn": "a SHOULD that is not kept",
    "inconclusive": "it could not be judged, though it has to be",
    "not-judged": "it needs what this run was not given; it does not count",
    "not-applicable": "its profile is not part of this run",
}

_STYLE, _SCRIPT = (Path(__file__).with_name(name).read_text("utf-8") for name in ("page.css", "page.js"))


def _e(text: object) -> str:
    """Text for HTML, in an element or in a quoted attribute."""
    return escape(visible(str(text)), quote=True)


def html(document: Json) -> str:
    """The page."""
    digest = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'"
    parts: list[str] = [
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}; form-action \'none\'">\n',
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
        f"<title>{_e(_verdict(document)[1])}: VRM conformance of {_e(document['target'])}</title>\n",
        f"<style>{_STYLE}</style>\n</head>\n<body>\n",
        '<a class="skip" href="#failures">Skip to the failures</a>\n',
        *_header(document),
        "<main>\n",
        *_profiles(document),
        *_failures(document),
        *_open(document),
        *_matrix(document),
        *_transitions(document),
        *_numbers(document),
        "</main>\n",
        f"<footer><p>Written by the VRM conformance suite {_e(document['suite'])}. The same as data: ",
        "<code>report.json</code>; signed: <code>claim.jwt</code>.</p></footer>\n",
        f"<script>{_SCRIPT}</script>\n</body>\n</html>\n",
    ]
    return "".join(parts)


def _verdict(document: Json) -> tuple[str, str, str]:
    """Class, word and sentence of the verdict."""
    failed = sum(r["verdict"] == "fail" for r in document["requirements"])
    left = sum(r["verdict"] == "inconclusive" for r in document["requirements"])
    broken = f"{failed} {'requirement is' if failed == 1 else 'requirements are'} broken."
    if document["control"]:
        return (
            "inconclusive",
            "Inconclusive",
            f"Nothing is scored, for the positive control failed: {document['control']}",
        )
    if document["exit"] == 1:
        return "fail", "Not conformant", broken
    if document["exit"] == 3:
        return "inconclusive", "Inconclusive", f"{left} of the requirements stayed open."
    stale = len(document["baseline"]["stale"])
    if document["exit"] == 4:
        have = "entry of the baseline has" if stale == 1 else "entries of the baseline have"
        return "warn", "Stale baseline", f"{stale} {have} to go."
    if not document["conformant"]:
        return "warn", "Not conformant, as known", f"{broken} The baseline knows of all of it."
    return "pass", "Conformant", "Every MUST that could be judged holds."


def _header(document: Json) -> Iterator[str]:
    style, word, sentence = _verdict(document)
    held, total = tally(document)
    judged = ", ".join(p["name"] for p in document["profiles"] if p["judged"])
    yield f"<header>\n<h1>VRM conformance of <code>{_e(document['target'])}</code></h1>\n"
    yield f'<div class="banner {style}"><strong>{_e(word)}</strong>'
    score = "" if document["control"] else f" {held} of {total} MUSTs of {judged or 'no profile'} hold."
    yield f"<p>{_e(sentence)}{_e(score)}</p></div>\n"
    yield '<dl class="facts">'
    facts = {
        "Issuer": document["issuer"] or "none",
        "Claims": ", ".join(document["claimed"]) or "no profile",
        "Began": document["started"].replace("T", " ").replace("Z", " UTC"),
        "Took": f"{document['seconds']:.1f} s, {document['mode']}",
        "Seed": document["seed"],
        "Spec": document["spec"],
        "Suite": document["suite"],
        "Digest of the spec": document["spec_digest"],
    }
    for name, value in facts.items():
        wide = ' class="wide"' if len(str(value)) > 24 else ""
        yield f"<div{wide}><dt>{name}</dt><dd>{_e(value)}</dd></div>"
    yield '</dl>\n</header>\n<nav aria-label="Parts of the report"><ul>'
    for anchor, name in (
        ("profiles", "Profiles"),
        ("failures", f"Failures ({len(_by_requirement(document['failures']))})"),
        ("open", "Open and not judged"),
        ("requirements", "Requirements"),
        ("transitions", "Transitions"),
        ("numbers", "Numbers"),
    ):
        yield f'<li><a href="#{anchor}">{name}</a></li>'
    yield "</ul></nav>\n"


def _profiles(document: Json) -> Iterator[str]:
    yield '<section aria-labelledby="profiles"><h2 id="profiles">Profiles</h2>\n<div class="cards">'
    for profile in document["profiles"]:
        claimed = "claimed" if profile["claimed"] else "not claimed"
        state = claimed if profile["judged"] else f"{claimed}, not judged"
        yield f'<div class="card"><h3>{_e(profile["name"])} <span>{state}</span></h3>'
        if profile["judged"]:
            yield _bar(profile)
            yield "<table><thead><tr><th scope=col>verdict</th><th scope=col>MUST</th>"
            yield "<th scope=col>SHOULD</th></tr></thead><tbody>"
            counts = profile["verdicts"]
            for verdict in _WORDS:
                must, should = counts["MUST"][verdict], counts["SHOULD"][verdict]
                if must or should or verdict in ("pass", "fail"):
                    yield f"<tr><th scope=row>{_v(verdict)}</th><td>{must}</td><td>{should}</td></tr>"
            yield "</tbody></table>"
            if profile["known"]:
                yield f'<p class="soft">The baseline knows {profile["known"]} of the failures.</p>'
        yield "</div>"
    yield "</div></section>\n"


def _bar(profile: Json) -> str:
    counts = {v: sum(level[v] for level in profile["verdicts"].values()) for v in _WORDS}
    total, at, parts = sum(counts.values()) or 1, 0.0, []
    for verdict, count in counts.items():
        width = 1000 * count / total
        if count:
            parts.append(f'<rect class="fill-{verdict}" x="{at:.1f}" width="{width:.1f}" height="10"/>')
        at += width
    return (
        '<svg class="bar" viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true">'
        f"{''.join(parts)}</svg>"
    )


def _v(verdict: str, known: bool = False) -> str:
    sign, word = _WORDS[verdict]
    more = ", known" if known else ""
    return f'<span class="v {verdict}"><span aria-hidden="true">{sign}</span> {word}{more}</span>'


# --- failures ----------------------------------------------------------------------------------


def _by_requirement(entries: Iterable[Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for entry in entries:
        found.setdefault(entry["requirement"], []).append(entry)
    return found


def _failures(document: Json) -> Iterator[str]:
    yield '<section aria-labelledby="failures"><h2 id="failures">Failures</h2>\n'
    if document["control"]:
        yield "<p>The positive control failed, so these are only what was seen, and nothing is scored. "
        yield f"{_e(document['control'])}</p>"
    if not document["failures"]:
        yield "<p>Nothing failed.</p>"
    rules = {r["id"]: r for r in document["requirements"]}
    for n, (name, mine) in enumerate(_by_requirement(document["failures"]).items()):
        yield from _failure(rules[name], mine, document, "fail", n < 3)
    if document["warnings"]:
        yield "<h3>Warnings</h3><p>What a home should do; it does not count.</p>"
        for name, mine in _by_requirement(document["warnings"]).items():
            yield from _failure(rules[name], mine, document, "warn", False)
    yield "</section>\n"


def _failure(rule: Json, mine: list[Any], document: Json, verdict: str, opened: bool) -> Iterator[str]:
    count = sum(f["count"] for f in mine)
    times = f", {count} times" if count > 1 else ""
    known = all(f["known"] for f in mine)
    yield f'<details class="failure {verdict}" id="{verdict}-{_e(rule["id"])}"{" open" if opened else ""}>'
    yield f"<summary><h3>{_v(verdict, known)} {_e(rule['id'])}</h3> "
    yield f'<span class="soft">{_e(rule["level"])}{times}</span>'
    yield f'<span class="sentence">{_sentence(unlinked(rule["text"]))}</span></summary><div class="inside">'
    if rule["link"]:
        yield f'<p><a href="{_e(rule["link"])}">{_e(rule["page"])}</a> of the spec · '
        yield f'<a href="#{_e(rule["id"])}">in the table of requirements</a></p>'
    for entry in mine:
        yield from _check(entry, document)
    yield "</div></details>\n"


def _sentence(text: str) -> str:
    """A sentence, what stands in backticks as code."""
    pieces = _e(text).split("`")
    if len(pieces) % 2 == 0:
        return _e(text)
    return "".join(f"<code>{p}</code>" if n % 2 else p for n, p in enumerate(pieces))


def _check(entry: Json, document: Json) -> Iterator[str]:
    times = f", {entry['count']} times" if entry["count"] > 1 else ""
    yield f"<h4>Check <code>{_e(entry['check'])}</code>{times}</h4>"
    if entry["known"]:
        known = entry["known"]
        until = f", until {known['expires']}" if known["expires"] else ""
        issue = f" ({known['issue']})" if known["issue"] else ""
        yield f"<p>Known to the baseline{_e(until)}: {_e(known['reason'])}{_e(issue)}</p>"
    yield '<dl class="versus">'
    for style, term, member in (("want", "Expected", "expected"), ("have", "Got", "got")):
        yield f'<div class="{style}"><dt>{term}</dt><dd>{_sentence(entry[member])}</dd></div>'
    yield "</dl>"
    told = steps(entry, limit=400)
    if told:
        yield '<ol class="talk">'
        for step in told:
            yield from _step(step)
        lines = "\n".join(step.curl for step in told)
        yield '</ol><details class="curl"><summary>The same again with curl, while the tokens are fresh'
        yield f"</summary><pre>{_e(lines)}</pre></details>"
    if entry["replay"]:
        yield f"<p>Signed afresh: <code>vrm-conformance replay {_e(entry['replay'])}</code> "
    else:
        yield "<p>"
    yield f'<span class="soft">(seed {document["seed"]})</span></p>'


def _step(step: Step) -> Iterator[str]:
    yield f"<li><h4>{step.number}. {_e(step.label)}</h4>"
    yield f'<p class="mono">{_e(step.request)} → {_e(step.answer)}</p><div class="sides">'
    for title, blocks in (("Sent", step.sent), ("Answered", step.got)):
        if blocks:
            yield f"<div><h5>{title}</h5>{''.join(_block(b) for b in blocks)}</div>"
    yield "</div></li>"


def _block(block: Block) -> str:
    lines = (f"<mark>{_e(line.text)}</mark>" if line.marked else _e(line.text) for line in block.lines)
    body = f"<pre>{chr(10).join(lines)}</pre>" if block.lines else ""
    return f'<p class="caption">{_e(block.caption)}</p>{body}'


# --- requirements ------------------------------------------------------------------------------


def _open(document: Json) -> Iterator[str]:
    yield '<section aria-labelledby="open"><h2 id="open">Open and not judged</h2>\n'
    nothing = True
    for verdict in ("inconclusive", "not-judged"):
        mine = [r for r in document["requirements"] if r["verdict"] == verdict]
        if mine:
            nothing = False
            reasons: dict[str, list[str]] = {}
            for rule in mine:
                link = f'<a href="#{_e(rule["id"])}">{_e(rule["id"])}</a>'
                reasons.setdefault(rule["reason"] or "no reason told", []).append(link)
            yield f"<h3>{_v(verdict)}: {_MEANINGS[verdict]}</h3><ul>"
            for reason, links in reasons.items():
                yield f"<li>{_e(reason.removesuffix('.'))}: {', '.join(links)}</li>"
            yield "</ul>"
    if document["baseline"]["stale"]:
        nothing = False
        yield "<h3>Entries of the baseline that have to go</h3><ul>"
        for entry in document["baseline"]["stale"]:
            yield f"<li>line {entry['line']}: {_e(entry['requirement'])} {_e(entry['check'])}: "
            yield f"{_e(entry['why'])}</li>"
        yield "</ul>"
    yield "<p>Everything was judged.</p>" if nothing else ""
    yield "</section>\n"


def _matrix(document: Json) -> Iterator[str]:
    yield '<section aria-labelledby="requirements"><h2 id="requirements">Requirements</h2>\n'
    yield '<div id="filter" class="filter" role="search" aria-label="Filter the requirements" hidden>'
    for verdict, (_, word) in _WORDS.items():
        count = sum(r["verdict"] == verdict for r in document["requirements"])
        if count:
            yield f'<label><input type="checkbox" value="{verdict}" checked> {word} ({count})</label>'
    yield '<label>with <input type="search" aria-label="Show requirements with this text"></label>'
    yield '<output id="shown" aria-live="polite"></output></div>\n'
    for name in dict.fromkeys(r["profile"] for r in document["requirements"]):
        yield f"<h3>{_e(name or 'not of this spec')}</h3>"
        yield '<table class="matrix" role="table"><thead role="rowgroup"><tr role="row">'
        for head in ("Requirement", "Sentence", "Verdict", "Checks"):
            yield f'<th scope="col" role="columnheader">{head}</th>'
        yield '</tr></thead><tbody role="rowgroup">\n'
        for rule in document["requirements"]:
            if rule["profile"] == name:
                yield from _row(rule)
        yield "</tbody></table>\n"
    yield "</section>\n"


def _row(rule: Json) -> Iterator[str]:
    verdict, name = rule["verdict"], _e(rule["id"])
    yield f'<tr id="{name}" data-verdict="{verdict}" role="row"><th scope="row" role="rowheader">'
    yield f'<a href="{_e(rule["link"])}">{name}</a>' if rule["link"] else name
    yield f'<br><span class="soft">{_e(rule["level"])}</span></th>'
    yield f'<td role="cell">{_sentence(unlinked(rule["text"]))}'
    if rule["reason"]:
        yield f'<p class="why">{_e(rule["reason"])}</p>'
    yield f'</td><td role="cell">{_v(verdict, rule["known"])}'
    if verdict in ("fail", "warn"):
        yield f'<br><a href="#{verdict}-{name}">see<span class="soft"> {name}</span></a>'
    yield '</td><td role="cell" class="checks"><ul>'
    for check in rule["checks"]:
        sign, word = _WORDS[check["verdict"]]
        times = f", {check['count']} times" if check["count"] > 1 else ""
        yield f'<li><span class="v {check["verdict"]}" role="img" aria-label="{word}">{sign}</span> '
        yield f"<code>{_e(check['check'])}</code>{times}</li>"
    yield "</ul></td></tr>\n"


# --- transitions and numbers -------------------------------------------------------------------


def _transitions(document: Json) -> Iterator[str]:
    yield '<section aria-labelledby="transitions"><h2 id="transitions">Transitions</h2>\n'
    yield '<ul class="legend">'
    for style, word in (("all", "seen"), ("some", "some of several seen"), ("none", "not seen")):
        yield '<li><svg width="46" height="10" aria-hidden="true">'
        yield f'<path class="move {style}" d="M1 5H45"/></svg>{word}</li>'
    yield "<li>a double border: the thread ends there</li><li>the numbers: lines of the table</li></ul>\n"
    for kind in document["transitions"]:
        moves = kind["moves"]
        seen = sum(m["count"] > 0 for m in moves)
        name = _e(kind["kind"])
        yield f"<h3>{name}: {seen} of {len(moves)} moves seen</h3>"
        yield '<div class="kind"><div class="scroll" tabindex="0" role="region" '
        yield f'aria-label="State diagram of {name}">{svg(kind)}</div>'
        yield '<div class="scroll" tabindex="0" role="region" '
        yield f'aria-label="Moves of {name}"><table class="moves"><thead><tr>'
        for head in ("No.", "From, to", "By", "Seen"):
            yield f'<th scope="col">{head}</th>'
        yield "</tr></thead><tbody>"
        for number, (pair, mine) in enumerate(arrows(moves).items(), 1):
            for move in mine:
                yield f"<tr><td>{number}</td><td>{_e(pair[0] or 'start')} → {_e(pair[1])}</td><td>"
                yield (
                    f"<code>{_e(move['type']).replace('.', '.<wbr>')}</code> {_e(move['by'])}"
                    if move["type"]
                    else ""
                )
                yield f"<em>{_e(move['cause'])}</em>" if move["cause"] else ""
                count = move["count"]
                sign = _v("pass").replace("pass</span>", f"{count}</span>") if count else "not seen"
                yield f'</td><td class="num">{sign}</td></tr>'
        yield "</tbody></table>"
        if kind["unlisted"]:
            yield f"<p>Seen, and not in the table: {_e(', '.join(kind['unlisted']))}</p>"
        yield "</div></div>\n"
    if not document["transitions"]:
        yield "<p>The judged profiles have no threads.</p>"
    yield "</section>\n"


def _numbers(document: Json) -> Iterator[str]:
    yield '<section aria-labelledby="numbers"><h2 id="numbers">Numbers</h2>\n<dl class="facts">'
    for name, count in document["numbers"].items():
        yield f"<div><dt>{_e(name.replace('_', ' '))}</dt><dd>{count:,}</dd></div>"
    yield "</dl></section>\n"
