"""The pages of message types and kinds: what differs in a row differs on the page, and samples are real."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st
from markupsafe import escape

from tests.markup import Reader
from vrmproto import envelope, keys, spec
from vrmproto.editor.site import messages, rows, samples
from vrmproto.editor.site.messages import Book, Guard, kind_page, message_page
from vrmproto.editor.site.words import KeywordError

LOADED = spec.load()
SPEC = LOADED.root
BOOK = Book.read(SPEC)
META = json.loads((SPEC / "meta/threads.json").read_text("utf-8"))["$defs"]
Members = dict[str, Any]


def href(what: str, name: str) -> str:
    """Addresses that tell what they lead to."""
    return f"../{what}/{name}.html"


# --- a kind that is made up --------------------------------------------------------------------

states = st.sampled_from(["open", "closed", "late"])
names = st.sampled_from(["a.make", "a.take", "b.end"])
facts = st.sampled_from(["offer", "ends", "asked"])
durations = st.sampled_from(["P1D", "P30D", "PT1H"])
guards = st.sampled_from(sorted(BOOK.threads["guards"]))
counters = st.lists(
    st.sampled_from(["said", "said@P1M", "offers:iss", "refused:asked@P6M", "refused:ends@P6M"]),
    min_size=1,
    max_size=2,
    unique=True,
)
sources = st.sampled_from([None, "@mid", "/ends", "/roster", "parent:roster", "parent:ends"])


def several(values: Any) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=3, unique=True)


ROWS: dict[str, st.SearchStrategy[Any]] = {
    "type": names,
    "by": st.sampled_from(META["row"]["properties"]["by"]["enum"]),
    "in": st.lists(states, min_size=1, max_size=3, unique=True),
    "to": st.one_of(states, st.just("=")),
    "prev": st.just("head"),
    "needs": several(["agr", "pthid"]),
    "guards": st.lists(guards, min_size=1, max_size=4, unique=True),
    "deadline": st.sampled_from(["/answer_by", "/until", "ends", "until"]),
    "default": durations,
    "max": durations,
    "max_from": st.just("opening"),
    "keep": st.dictionaries(facts, sources, min_size=1, max_size=3),
    "count": st.dictionaries(st.sampled_from(["thread", "parent"]), counters, min_size=1),
    "record": st.sampled_from(META["row"]["properties"]["record"]["enum"]),
    "supersedes": st.just("class"),
    "effect": st.sampled_from(META["row"]["properties"]["effect"]["enum"]),
    "marks": several(["duty", "exit"]),
}
STATES: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(spec.AUTOMATIC, states),
    **dict.fromkeys(["live", "erased", "listed", "rests", "over", "end"], st.just(True)),
    "within": facts,
    "holds": facts,
    "default": durations,
    "place": st.sampled_from(META["state"]["properties"]["place"]["enum"]),
}
some_row = st.fixed_dictionaries({m: ROWS[m] for m in ("by", "type", "to")}, optional={"in": ROWS["in"]})
KINDS: dict[str, st.SearchStrategy[Any]] = {
    "profile": st.sampled_from(["terms", "intent"]),
    "roles": st.sampled_from(META["kind"]["properties"]["roles"]["enum"]),
    "parents": st.lists(names, min_size=1, max_size=2, unique=True),
    "recorded": st.just(True),
    "erased": st.just(True),
    "states": st.dictionaries(states, st.fixed_dictionaries({}, optional=STATES), min_size=1, max_size=3),
    "rows": st.lists(some_row, min_size=1, max_size=3),
}
ALWAYS = {"by", "type", "to", "profile", "roles", "states", "rows"}
"""Members that are always there."""


def book(kind: Members) -> Book:
    """A folder of one kind, whose message types have the simplest schema."""
    schemas = {f"messages/{row['type']}.json": {"type": "object"} for row in kind["rows"]}
    return replace(BOOK, threads={"guards": [], "kinds": {"k": kind}}, schemas=schemas)


def kind_of(row: Members) -> Members:
    return {"profile": "terms", "roles": "opener", "states": {"open": {}}, "rows": [row]}


BASE_ROW: Members = {"by": "first", "type": "a.make", "to": "open"}


def page_of_row(row: Members) -> str:
    return kind_page(book(kind_of(BASE_ROW | row)), "k", href=href)


def message_of_row(row: Members) -> str:
    return message_page(book(kind_of(BASE_ROW | row)), "a.make", href=href)


def page_of_state(state: Members) -> str:
    return kind_page(book(kind_of(BASE_ROW) | {"states": {"open": state}}), "k", href=href)


def page_of_kind(kind: Members) -> str:
    return kind_page(book(kind_of(BASE_ROW) | kind), "k", href=href)


Page = Callable[[Members], str]
MESSAGE = "row, page of the message"
PAGES: dict[str, tuple[Page, dict[str, st.SearchStrategy[Any]], Members]] = {
    "row, page of the kind": (page_of_row, ROWS, rows.ROW),
    MESSAGE: (message_of_row, {m: v for m, v in ROWS.items() if m != "type"}, rows.ROW),
    "state": (page_of_state, STATES, rows.STATE),
    "kind": (page_of_kind, KINDS, rows.KIND),
}
LAWS = [(page, member) for page, (_, values, _) in PAGES.items() for member in sorted(values)]
ABSENT = object()


def law(name: str, member: str, *, seeded: bool = False) -> Callable[[], None]:
    """Two tables that differ in a member only differ on the page."""
    page, values, _ = PAGES[name]
    others = st.sampled_from(sorted(values.keys() - {member}))
    around = st.lists(others, max_size=2, unique=True).flatmap(
        lambda chosen: st.fixed_dictionaries({other: values[other] for other in chosen})
    )
    right = values[member] if member in ALWAYS else st.one_of(st.just(ABSENT), values[member])
    sure = settings(max_examples=200, derandomize=True, database=None, phases=[Phase.generate], deadline=None)

    @settings(sure if seeded else settings(max_examples=12, deadline=None), report_multiple_bugs=False)
    @given(around, values[member], right)
    def differs(rest: Members, one: Any, other: Any) -> None:
        assume(other is ABSENT or json.dumps(one, sort_keys=True) != json.dumps(other, sort_keys=True))
        left = rest | {member: one}
        assert page(left) != page(rest if other is ABSENT else rest | {member: other})

    return differs


@pytest.mark.parametrize(("table", "values"), [("row", ROWS), ("state", STATES), ("kind", KINDS)])
def test_the_tables_have_the_members_that_are_allowed_and_no_other(table, values):
    words = {"row": rows.ROW, "state": rows.STATE, "kind": rows.KIND}[table]
    assert words.keys() == META[table]["properties"].keys() == values.keys()


@pytest.mark.parametrize(("page", "member"), LAWS)
def test_two_tables_that_differ_in_a_member_differ_on_the_page(page, member):
    law(page, member)()


ONLY = {"prev", "max_from", "supersedes", "recorded", "erased", "live", "listed", "rests", "over", "end"}
"""Members of one value: that they are there is all that they say."""


# The guards of a message stand on its page a second time, each with its codes.
@pytest.mark.parametrize(
    ("page", "member"), [law for law in LAWS if law != ("row, page of the message", "guards")]
)
def test_a_member_that_is_not_shown_is_found(page, member, monkeypatch):
    table = PAGES[page][2]
    label, right = table[member]
    first: list[Any] = []

    def dropping(where, value):
        first.append(value)
        return right(where, first[0])

    if member in ONLY:  # its name would still be there
        monkeypatch.delitem(table, member)
        for module in (rows, messages):
            monkeypatch.setattr(module, "refuse_unknown", lambda *_: None)
    else:
        monkeypatch.setitem(table, member, (label, dropping))
    with pytest.raises(AssertionError):
        law(page, member, seeded=True)()


@pytest.mark.parametrize(
    ("page", "members", "pointer", "named"),
    [
        (page_of_row, {"until": 1}, "/kinds/k/rows/0", "the member until"),
        (message_of_row, {"until": 1}, "/kinds/k/rows/0", "the member until"),
        (page_of_row, {"effect": "vanish"}, "/kinds/k/rows/0", "vanish"),
        (page_of_row, {"by": "third"}, "/kinds/k/rows/0", "third"),
        (page_of_row, {"marks": ["exit", "new"]}, "/kinds/k/rows/0", "new"),
        (page_of_state, {"frozen": True}, "/kinds/k/states/open", "the member frozen"),
        (page_of_state, {"place": "lost"}, "/kinds/k/states/open", "lost"),
        (page_of_kind, {"colour": "red"}, "/kinds/k", "the member colour"),
    ],
)
def test_what_there_are_no_words_for_is_an_error_that_says_where(page, members, pointer, named):
    with pytest.raises(KeywordError, match=named) as caught:
        page(members)
    assert (caught.value.path, caught.value.pointer) == ("threads.json", pointer)


# --- the folder --------------------------------------------------------------------------------

PAGE = {name: message_page(BOOK, name, href=href) for name in LOADED.types} | {
    f"kind {name}": kind_page(BOOK, name, href=href) for name in LOADED.kinds
}
READ = {name: Reader(page) for name, page in PAGE.items()}
THERE = {
    "message": set(LOADED.types),
    "kind": set(LOADED.kinds),
    "error": set(LOADED.errors),
    "requirement": set(LOADED.requirements),
    "schema": set(LOADED.schemas),
}


def leads(address: str) -> Iterator[tuple[str, str, str]]:
    """Kind, name and part of an address that :func:`href` made."""
    target, _, part = address.partition("#")
    _, what, name = target.split("/", 2)
    yield what, name.removesuffix(".html"), part


@pytest.mark.parametrize("name", PAGE)
def test_links_lead_to_what_is_there(name):
    shown = READ[name]
    assert shown.open == []
    assert len(shown.ids) == len(set(shown.ids))
    for address in shown.hrefs:
        if address.startswith("#"):
            assert address[1:] in shown.ids
            continue
        for what, target, part in leads(address):
            assert target in THERE[what]
            assert not part.startswith("state-") or part in READ[f"kind {target}"].ids


@pytest.mark.parametrize("name", sorted(LOADED.types))
def test_a_message_has_the_rows_codes_and_sentences_that_the_tables_give_it(name):
    shown = READ[name]
    mine = [row for kind in LOADED.kinds.values() for row in kind.rows if row.type == name]
    assert sum(i.startswith("row-") for i in shown.ids) == len(mine)
    asked = {guard for row in mine for guard in row.guards}
    assert {i.removeprefix("guard-") for i in shown.ids if i.startswith("guard-")} == asked
    for code, entry in LOADED.errors.items():
        general = entry["layer"] in ("token", "thread")
        assert (href("error", code) in shown.hrefs) == (general or bool(asked & set(entry["by"])))
    for requirement in LOADED.requirements.values():
        if f"`{name}`" in requirement.text:
            assert href("requirement", requirement.id) in shown.hrefs


def test_implementing_tells_of_every_guard_and_names_rules_that_are_there():
    assert BOOK.guards.keys() == LOADED.guards
    for guard in BOOK.guards.values():
        assert guard.words
        assert guard.requirements
        assert set(guard.requirements) <= LOADED.requirements.keys()
    assert BOOK.guards["offer-rules"].requirements == tuple(f"VRM-OFR-{n:03d}" for n in range(6, 11))


def test_what_the_page_of_a_message_says():
    shown = READ["terms.accept"].text
    for sentence in (
        "The second party sends it in the state proffered; the thread is agreed then.",
        "The first party sends it in the state countered; the thread is agreed then.",
        "has to be the last message of the thread (head)",
        "what was kept as ends",
        "the earlier agreement of its class between the two (class)",
        "terms-not-offered (422): What is accepted was not offered",
    ):
        assert sentence in shown


def test_what_the_page_of_a_kind_says():
    shown = READ["kind offer"].text
    for sentence in (
        "one that was opened by intent.publish",
        "when the parent thread is over or ended: lapsed",
        "it holds a place below the parent (held)",
        "lasts as long as what was kept as purge_within",
        "what the second party owes after an end",
    ):
        assert sentence in shown
    pictured = kind_page(BOOK, "offer", href=href, picture="<svg></svg>")
    assert pictured.index("<svg></svg>") < pictured.index('<h2 id="states">')


def test_text_of_the_folder_never_becomes_markup():
    def pages(text: str) -> list[tuple[str, ...]]:
        requirement = next(r for r in BOOK.requirements.values() if "`offer.make`" in r.text)
        changed = replace(
            BOOK,
            requirements={requirement.id: replace(requirement, text=f"`offer.make` {text}")},
            guards={"intent-open": Guard(text, ())},
            errors={"codes": [{**entry, "title": text} for entry in BOOK.errors["codes"]]},
            samples={"offer.make": replace(BOOK.samples["offer.make"], claims={text: text}, signer=text)},
        )
        return Reader(message_page(changed, "offer.make", href=href)).tags

    plain = pages("x")
    for text in (
        "<script>alert(1)</script>",
        '"><img src=x>',
        "</pre><b>",
        "&lt;<!--",
        "<https://a.example>",
    ):
        assert pages(text) == plain


# --- samples -----------------------------------------------------------------------------------


def test_every_message_type_has_a_sample():
    assert BOOK.samples.keys() == LOADED.types.keys()
    assert samples.read(SPEC) == BOOK.samples


def opened(sample: samples.Sample, circumstances: Members) -> envelope.Message:
    """The message of a sample, after every check of the envelope."""
    published = {
        key["id"]: keys.load_private(key["jwk"]).public
        for key in BOOK.keys.values()
        if key["kid"] == sample.header["kid"]
    }
    home = {"home": circumstances["home"], "dev": circumstances["dev"]}
    read = envelope.parse(LOADED, sample.token.encode(), **home)
    assert (read.header, read.claims) == (sample.header, sample.claims)
    return envelope.open_message(
        LOADED,
        sample.token.encode(),
        key=lambda o: published[o.claims["iss"]],
        now=circumstances["now"],
        **home,
    )


@pytest.mark.parametrize("name", sorted(LOADED.types))
def test_a_sample_is_signed_valid_and_taken(name):
    sample = BOOK.samples[name]
    expect = json.loads((SPEC / "vectors" / sample.vector / "expect.json").read_text("utf-8"))
    assert expect["accept"] is True
    message = opened(sample, expect)
    assert (message.type, message.mid) == (name, expect["mid"])
    shown = READ[name].text
    assert sample.token in shown
    for decoded in (sample.header, sample.claims):
        assert json.dumps(decoded, ensure_ascii=False, indent=2) in shown


@pytest.mark.parametrize("name", sorted(LOADED.types))
def test_a_sample_is_a_usual_message(name):
    sample = BOOK.samples[name]
    assert "ext" not in sample.claims
    assert sample.signer
    named = SPEC / "vectors" / name.replace(".", "-") / "expect.json"
    if named.is_file() and json.loads(named.read_text("utf-8"))["accept"]:
        assert sample.vector == named.parent.name


@pytest.mark.parametrize("name", sorted(LOADED.types))
def test_a_type_without_a_vector_gets_a_message_of_its_example(name):
    """All of them, as if there were no vectors yet."""
    schema = BOOK.schemas[f"messages/{name}.json"]
    for kind, found in BOOK.rows(name).items():
        for _, row in found:
            roles = BOOK.threads["kinds"][kind]["roles"]
            sample = samples.made(BOOK.keys, schema, row, roles)
            assert sample is not None
            assert sample == samples.made(BOOK.keys, schema, row, roles)
            at = {"home": "https://home.example", "dev": False, "now": 1800000000}
            message = opened(sample, at)
            assert (message.type, message.body) == (name, schema["examples"][0])
            assert (message.thid is None) == ("in" not in row)
            named = {claim for claim in ("agr", "pthid") if getattr(message, claim) is not None}
            assert named == set(row.get("needs", ()))


def test_the_page_says_where_its_message_is_from():
    sentence = "Made for this page from the first example"
    shown = message_page(replace(BOOK, samples={}), "terms.proffer", href=href)
    assert sentence in shown
    assert sentence not in PAGE["terms.proffer"]
    assert "vectors/terms-proffer" in PAGE["terms.proffer"]
    bare = message_page(replace(BOOK, samples={}, keys={}), "terms.proffer", href=href)
    assert "has no key to make one" in bare


@pytest.fixture
def written_anew(tmp_path):
    """A folder to which a type has been added, and no vector yet."""
    (tmp_path / "vectors").mkdir()
    (tmp_path / "messages").mkdir()
    for name in ("errors.json", "implementing.md", "protocol", "vectors/keys.json"):
        (tmp_path / name).symlink_to(SPEC / name)
    schema = json.loads((SPEC / "messages/terms.reject.json").read_text("utf-8")) | {"title": "A question"}
    (tmp_path / "messages/terms.ask.json").write_text(json.dumps(schema))
    tables = json.loads((SPEC / "threads.json").read_text("utf-8"))
    row = {"in": ["proffered"], "by": "second", "type": "terms.ask", "to": "="}
    tables["kinds"]["terms"]["rows"].append(row)
    (tmp_path / "threads.json").write_text(json.dumps(tables))
    return tmp_path


def test_a_new_type_has_its_page_at_once(written_anew):
    shown = Reader(message_page(Book.read(written_anew), "terms.ask", href=href)).text
    assert "A question terms.ask" in shown
    assert "The second party sends it in the state proffered; the thread stays as it is." in shown
    assert "Made for this page from the first example, signed with the test key shop." in shown
    assert '"type": "terms.ask"' in shown
    assert shown == Reader(message_page(Book.read(written_anew), "terms.ask", href=href)).text


@pytest.mark.parametrize("name", BOOK.invalid)
def test_a_bad_example_stands_on_the_page_with_its_reason(name: str) -> None:
    page, without = (message_page(book, name, href=href) for book in (BOOK, replace(BOOK, invalid={})))
    for one in BOOK.invalid[name]:
        told = f"{escape(one['why'])} <code>{one['keyword']}</code> refuses it at"
        assert told in page
        assert told not in without
