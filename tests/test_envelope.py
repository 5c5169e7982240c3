"""The envelope: each rule stands alone, no changed byte gets through, nothing hostile does harm."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey, OKPKey

from tests import forge
from tests.make_vectors import base as make_vectors
from tests.make_vectors.base import HOME, NOW, PERSON, PERSON_EC
from tests.seldom import often, seldom
from tests.test_vectors import FOLDERS, RULES, SPEC, expectation, then_wanted, verdict
from vrmproto import envelope, guards, keys, rules, strictjson
from vrmproto.envelope import Message, Opening
from vrmproto.errors import ProtocolError

# Fixed examples: a run that fails is a run that can be repeated.
examples = settings(max_examples=300, deadline=None, derandomize=True)

SOME = often(FOLDERS, lambda folder: folder.name)

KEY = st.sampled_from([PERSON, PERSON_EC])


# --- the switch --------------------------------------------------------------------------------


@cache
def normal() -> dict[Path, dict[str, Any]]:
    return {folder: verdict(folder) for folder in FOLDERS}


@cache
def broken_by() -> dict[str, set[str]]:
    """Requirement to the vectors that are refused because of it, or inside of which it refuses something."""
    found: dict[str, set[str]] = {}
    for folder in FOLDERS:
        expect = expectation(folder)
        for name in {expect.get("requirement"), *expect.get("covers", ())}:
            found.setdefault(str(name), set()).add(folder.name)
    return found


def forget() -> None:
    keys.from_did.cache_clear()
    envelope._read_header.cache_clear()


@pytest.fixture
def forgetful() -> Iterator[None]:
    """Runs without, and leaves no, remembered keys and headers."""
    normal()
    forget()
    yield
    forget()


ALL = pytest.mark.parametrize(
    "folders", [SOME, pytest.param(FOLDERS, marks=pytest.mark.long)], ids=["some", "all"]
)


def told(folders: list[Path], rules_: Iterable[str]) -> list[Path]:
    """Of some of the vectors those of these rules, and each fifth of the others, whose answer is to stay."""
    own = {name for rule in rules_ for name in broken_by().get(rule, ())}
    few = folders is SOME
    return [folder for n, folder in enumerate(folders) if not few or folder.name in own or n % 5 == 0]


@ALL
@pytest.mark.usefixtures("forgetful")
@pytest.mark.parametrize(
    ("module", "name", "rule"), [(m, name, rule) for m, name in RULES for rule in getattr(m, name)]
)
def test_a_rule_that_is_off_is_missed_by_its_vectors_only(
    monkeypatch: pytest.MonkeyPatch, module: Any, name: str, rule: str, folders: list[Path]
) -> None:
    before, folders = normal(), told(folders, [rule])
    # A dict without it: taken out and put back, it would stand last, in another order of checks.
    monkeypatch.setattr(module, name, {n: r for n, r in getattr(module, name).items() if n != rule})
    monkeypatch.setattr(rules, "_BY_PHASE", rules.by_phase(rules.RULES))
    changed = {folder: made for folder in folders if (made := attempted(folder)) != before[folder]}
    assert {folder.name for folder in changed} == broken_by()[rule] & {folder.name for folder in folders}
    assert_seconds(changed)


def attempted(folder: Path) -> dict[str, Any]:
    """A verdict; where a body was not looked at, a guard may not find in it what it reads."""
    try:
        return verdict(folder)
    except (KeyError, TypeError, AttributeError) as error:
        return {"accept": False, "raised": repr(error)}


def assert_seconds(changed: dict[Path, dict[str, Any]], off: AbstractSet[str] = frozenset()) -> None:
    """A vector that breaks two rules on purpose gets the answer to the second when the first is off.

    Where one guard answers both, it is taken.
    """
    for folder, made in changed.items():
        if "then" in (expect := expectation(folder)):
            second_is_off = expect["then"]["requirement"] in off
            assert made["accept"] if second_is_off else made == then_wanted(expect), folder.name


GUARDED = {
    "person-opens": {"VRM-THR-024"},
    "roster-member": {"VRM-TRM-001", "VRM-TRM-002", "VRM-TRM-006"},
    "deadline-ahead": {"VRM-THR-020", "VRM-THR-021"},
    "accepts-offered-terms": {"VRM-TRM-004", "VRM-TRM-005", "VRM-OFR-004", "VRM-OFR-005"},
    "alternative-differs": {"VRM-TRM-007"},
    "rotate-proof": {"VRM-ID-020", "VRM-ID-021", "VRM-ID-022"},
    "version-current": {"VRM-INT-007", "VRM-OFR-003"},
    "blobs-held": {"VRM-BLB-004"},
    "intent-open": {"VRM-OFR-001", "VRM-OFR-002"},
    "offer-rules": {f"VRM-OFR-{n:03d}" for n in range(6, 11)},
    "takes-current": {"VRM-OFR-011"},
    "accepts-left": {"VRM-OFR-012"},
    "fields-listed": {"VRM-OFR-017"},
    "introduce-proof": {"VRM-OFR-020"},
    "agreement-live": {"VRM-REL-001", "VRM-REL-014", "VRM-REL-015"},
    "one-per-pair": {"VRM-REL-003"},
    "ladder-held": {"VRM-LAD-001"},
    "step-allowed": {"VRM-LAD-006", "VRM-LAD-007", "VRM-LAD-009"},
    "stage-allows": {"VRM-LAD-010", "VRM-LAD-011"},
    "not-asked-again": {"VRM-REL-005"},
    "preference-allows": {"VRM-REL-006", "VRM-REL-007"},
    "not-prohibited": {"VRM-CNS-001"},
    "within-terms": {"VRM-PUR-001", "VRM-PUR-002"},
    "purposes-within": {"VRM-CNS-002", "VRM-CNS-003"},
    "patch-applies": {"VRM-COR-001", "VRM-COR-002"},
}


def test_every_guard_is_switched() -> None:
    used = {g for k in SPEC.kinds.values() for row in k.rows for g in row.guards}
    assert used == GUARDED.keys()


def test_every_guard_of_every_row_is_shown_to_refuse() -> None:
    refusals = set()
    for folder in FOLDERS:
        if requirement := expectation(folder).get("requirement"):
            kind = envelope.peek((folder / "token.jwt").read_bytes())[1]["type"] if is_read(folder) else ""
            refusals.add((kind, requirement))
    missed = [
        (row.type, guard)
        for kind in SPEC.kinds.values()
        for row in kind.rows
        for guard in row.guards
        if not any((row.type, rule) in refusals for rule in GUARDED[guard])
    ]
    assert missed == []


def is_read(folder: Path) -> bool:
    """Whether the requirement that a vector breaks is looked at when its type is known."""
    return bool(SPEC.errors[expectation(folder)["code"]]["layer"] != "token")


@ALL
@pytest.mark.parametrize("name", GUARDED)
def test_a_guard_that_is_off_is_missed_by_its_vectors_only(
    monkeypatch: pytest.MonkeyPatch, name: str, folders: list[Path]
) -> None:
    before, folders = normal(), told(folders, GUARDED[name])
    monkeypatch.setitem(guards.GUARDS, name, lambda case: None)
    changed = {folder: made for folder in folders if (made := verdict(folder)) != before[folder]}
    wanted = {folder for rule in GUARDED[name] for folder in folders if refused_by(folder, rule)}
    assert changed.keys() == wanted
    alone = [made for folder, made in changed.items() if "then" not in expectation(folder)]
    assert all(made["accept"] for made in alone), "it broke another rule as well"
    assert_seconds(changed, GUARDED[name])


def refused_by(folder: Path, rule: str) -> bool:
    return bool(expectation(folder).get("requirement") == rule)


# --- reading -----------------------------------------------------------------------------------


def key_of(o: Opening) -> keys.PublicKey:
    return keys.from_did(o.claims["iss"])


def read(raw: bytes, now: int | None = NOW) -> Message:
    return envelope.open_message(SPEC, raw, home=HOME, key=key_of, now=now)


def private(key: forge.Key) -> keys.PrivateKey:
    return keys.load_private({**key.jwk, "d": key.secret})


@cache
def valid(key: forge.Key) -> tuple[bytes, Message]:
    raw = make_vectors.opening(key)
    return raw, read(raw)


def refuses_or_same(raw: bytes, right: Message) -> bool:
    """Whether a token is refused, or is the same message under another signature."""
    try:
        made = read(raw)
    except ProtocolError:
        return True
    return made.mid == right.mid and made.body == right.body and raw != right.token.encode()


@examples
@given(key=KEY, place=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255))
def test_a_changed_byte_is_refused(key: forge.Key, place: float, byte: int) -> None:
    raw, _ = valid(key)
    index = int(place * len(raw))
    changed = raw[:index] + bytes([byte]) + raw[index + 1 :]
    if changed != raw:
        with pytest.raises(ProtocolError):
            read(changed)


@pytest.mark.parametrize("key", [PERSON, PERSON_EC], ids=lambda key: key.alg)
def test_every_place_of_a_token_counts(key: forge.Key) -> None:
    raw, _ = valid(key)
    for index in range(len(raw)):
        for byte in {b"A", b"B", b"-", b"=", b"."} - {raw[index : index + 1]}:
            with pytest.raises(ProtocolError):
                read(raw[:index] + byte + raw[index + 1 :])


@examples
@given(key=KEY, data=st.data())
def test_a_cut_or_longer_token_is_refused(key: forge.Key, data: st.DataObject) -> None:
    raw, right = valid(key)
    start = data.draw(st.integers(0, len(raw)))
    end = data.draw(st.integers(start, len(raw)))
    put = data.draw(st.binary(max_size=8) | st.text("ABab01-_.=", max_size=8).map(str.encode))
    changed = raw[:start] + put + raw[end:]
    if changed != raw:
        assert refuses_or_same(changed, right)


def test_the_twin_is_the_same_message() -> None:
    raw, right = valid(PERSON_EC)
    twin = forge.twin(raw)
    made = read(twin)
    assert twin != raw
    assert (made.mid, made.body) == (right.mid, right.body)
    assert envelope.mid_of(twin) == envelope.mid_of(raw.decode()) == forge.mid(raw) == right.mid


# --- both ways ---------------------------------------------------------------------------------

INTEGER = st.integers(-(2**53) + 1, 2**53 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
LEAF = st.none() | st.booleans() | INTEGER | st.floats(allow_nan=False, allow_infinity=False) | TEXT
JSON = st.recursive(
    LEAF, lambda v: st.lists(v, max_size=4) | st.dictionaries(TEXT, v, max_size=4), max_leaves=12
)
OBJECT = st.dictionaries(TEXT, JSON, max_size=5)


@examples
@given(key=KEY, body=OBJECT)
def test_what_is_sealed_is_what_is_opened(key: forge.Key, body: dict[str, Any]) -> None:
    claims = make_vectors.claims(key, body=body)
    raw = envelope.seal(private(key), claims).encode()
    o = envelope.parse(SPEC, raw, home=HOME)
    envelope.check_time(o, NOW)
    envelope.check_signature(o, key_of(o))
    message = o.message()
    assert message.body == body
    assert message.key.kid == key.kid
    assert o.claims == claims
    assert envelope.peek(raw) == (forge.header(key), claims)


@pytest.mark.parametrize("key", [PERSON, PERSON_EC], ids=lambda key: key.alg)
def test_the_library_and_the_forge_make_the_same_bytes(key: forge.Key) -> None:
    assert envelope.seal(private(key), make_vectors.claims(key)).encode() == valid(key)[0]
    assert private(key).did == key.did
    assert private(key).jwk == {**key.jwk, "d": key.secret}


@pytest.mark.parametrize("key", [PERSON, PERSON_EC], ids=lambda key: key.alg)
def test_joserfc_verifies_our_tokens(key: forge.Key) -> None:
    raw = envelope.seal(private(key), make_vectors.claims(key))
    public = (ECKey if key.alg == "ES256" else OKPKey).import_key(dict(key.jwk))
    made = jws.deserialize_compact(raw, public, algorithms=["ES256", "Ed25519"])
    assert json.loads(made.payload or b"") == make_vectors.claims(key)
    assert made.headers() == forge.header(key)


@pytest.mark.parametrize("key", [PERSON, PERSON_EC], ids=lambda key: key.alg)
def test_we_open_tokens_of_joserfc(key: forge.Key) -> None:
    pair = (ECKey if key.alg == "ES256" else OKPKey).import_key({**key.jwk, "d": key.secret})
    payload = forge.compact(make_vectors.claims(key))
    raw = jws.serialize_compact(forge.header(key), payload, pair, algorithms=["ES256", "Ed25519"])
    assert read(raw.encode()).iss == key.did


@pytest.mark.parametrize("alg", keys.ALGS)
def test_generated_keys_are_of_their_kind(alg: str) -> None:
    key = keys.generate(alg)
    assert keys.from_did(key.did).kid == key.public.kid == forge.thumbprint(key.public.jwk)
    assert key.public.verify(b"x", key.sign(b"x"))
    assert not key.public.verify(b"y", key.sign(b"x"))


def test_old_messages_are_read_without_a_clock() -> None:
    raw = make_vectors.opening(iat=0, exp=60)
    assert read(raw, now=None).exp == 60
    with pytest.raises(ProtocolError, match="expired"):
        read(raw)


def test_a_message_needs_its_signature_checked() -> None:
    with pytest.raises(ValueError, match="not checked"):
        envelope.parse(SPEC, valid(PERSON)[0], home=HOME).message()


# --- JSON --------------------------------------------------------------------------------------


def naive(data: bytes) -> tuple[Any, set[str]]:
    """A plain second reading: what the value is, and which rules are broken, by looking at everything."""
    broken: set[str] = set()

    def pairs(members: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in members}) < len(members):
            broken.add(strictjson.NAMES)
        return dict(members)

    def look(value: Any, depth: int) -> None:
        if isinstance(value, dict | list):
            if depth == 33:
                broken.add(strictjson.DEPTH)
            for item in value:
                look(item, depth + 1)
        if isinstance(value, dict):
            for item in value.values():
                look(item, depth + 1)
        if isinstance(value, str):
            try:
                value.encode()
            except UnicodeEncodeError:
                broken.add(strictjson.SURROGATES)
        if type(value) is int and abs(value) > 2**53 - 1:
            broken.add(strictjson.NUMBERS)
        if isinstance(value, float) and not math.isfinite(value):
            broken.add(strictjson.CONSTANTS if math.isnan(value) else strictjson.NUMBERS)

    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None, {strictjson.UTF8}
    try:
        value = json.loads(text, object_pairs_hook=pairs)
    except ValueError:
        return None, {strictjson.OBJECT}
    look(value, 1)
    return value, broken | (set() if isinstance(value, dict) else {strictjson.OBJECT})


def agree(data: bytes) -> None:
    value, broken = naive(data)
    made, found = strictjson.read(data)
    assert bool(found) == bool(broken), data
    if not broken:
        assert made == value
    if {strictjson.UTF8, strictjson.OBJECT}.isdisjoint(broken | found):
        assert found == broken


SEPARATORS = st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", "\t:\r")])
LOOSE_LEAF = LEAF | st.integers() | st.floats(allow_nan=True, allow_infinity=False) | st.text(max_size=6)
LOOSE = st.recursive(
    LOOSE_LEAF,
    lambda v: st.lists(v, max_size=4) | st.dictionaries(st.text(max_size=4), v, max_size=4),
    max_leaves=10,
)


@examples
@given(value=st.dictionaries(TEXT, LOOSE, max_size=5) | LOOSE, separators=SEPARATORS, escape=st.booleans())
def test_strict_reading_agrees_with_a_plain_one(
    value: Any, separators: tuple[str, str], escape: bool
) -> None:
    text = json.dumps(value, separators=separators, ensure_ascii=escape)
    agree(text.encode("utf-8", "surrogatepass"))


@examples
@given(
    value=st.dictionaries(TEXT, JSON, min_size=1, max_size=4),
    cut=st.floats(0, 1),
    put=st.sampled_from(
        ["", "}", "{", "[", ",", '"', '"a":1,', "NaN", "1e999", "-", "0", "\\ud800", "\\u0061", "\x00", " "]
    ),
)
def test_strict_reading_of_damaged_text_agrees(value: dict[str, Any], cut: float, put: str) -> None:
    text = json.dumps(value, separators=(",", ":"))
    place = int(cut * len(text))
    agree((text[:place] + put + text[place:]).encode())


@examples
@given(depth=st.integers(1, 40), around=st.sampled_from(["[]", "{}"]), leaf=st.sampled_from(["1", "", '"["']))
def test_depth_is_counted_alike(depth: int, around: str, leaf: str) -> None:
    opened = "[" if around == "[]" else '{"a":'
    inner = leaf if around == "[]" or leaf else "1"
    agree(('{"x":' + opened * depth + inner + around[1] * depth + "}").encode())


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ('{"a":9007199254740991}', set()),
        ('{"a":9007199254740992}', {strictjson.NUMBERS}),
        ('{"a":-9007199254740992}', {strictjson.NUMBERS}),
        ('{"a":-0}', set()),
        ('{"a":1e400}', {strictjson.NUMBERS}),
        ('{"a":-1e400}', {strictjson.NUMBERS}),
        ('{"a":1e-400}', set()),
        ('{"a":"9007199254740992"}', set()),
        ('{"a":' + "9" * 5000 + "}", {strictjson.NUMBERS}),
        ('{"a":0.' + "1" * 5000 + "}", set()),
        ('{"a":1,"\\u0061":2}', {strictjson.NAMES}),
        ('{"a":1,"a":NaN}', {strictjson.NAMES, strictjson.CONSTANTS}),
        ('\ufeff{"a":1}', {strictjson.UTF8}),
        ("", {strictjson.OBJECT}),
        ("[" * 100_000, {strictjson.DEPTH}),
        ('{"a":' * 100_000, {strictjson.DEPTH}),
    ],
)
def test_what_a_text_breaks(text: str, rules: set[str]) -> None:
    assert strictjson.read(text.encode())[1] == rules


# --- hostile bytes -----------------------------------------------------------------------------


def refusal(act: Callable[[bytes], Any], raw: bytes) -> ProtocolError | None:
    try:
        act(raw)
    except ProtocolError as error:
        return error
    return None


def harmless(raw: bytes) -> None:
    """A token is refused with a ProtocolError or taken; nothing else comes out."""
    if error := refusal(read, raw):
        assert error.rule in SPEC.requirements
        assert SPEC.valid("documents/problem.json", SPEC.problem(error))
    for typ, schema in (
        ("vrm-request+jwt", "documents/request.json"),
        ("vrm-proof+jwt", "documents/proof.json"),
    ):
        with pytest.raises(ProtocolError):
            envelope.open_signed(SPEC, raw, typ=typ, schema=schema, key=key_of)
    if error := refusal(envelope.peek, raw):
        assert error.code in ("token-malformed", "json-invalid")


@examples
@given(raw=st.binary(max_size=200))
def test_bytes_do_no_harm(raw: bytes) -> None:
    harmless(raw)


@examples
@given(head=st.binary(max_size=60), payload=st.binary(max_size=200), signature=st.binary(max_size=70))
def test_segments_do_no_harm(head: bytes, payload: bytes, signature: bytes) -> None:
    harmless(forge.sealed(PERSON, forge.signing_input(head, payload), signature))


ODD = LOOSE | st.lists(st.text(max_size=3)) | st.sampled_from(["", "did:jwk:" + "A" * 60, "http://localhost"])


@examples
@given(name=st.sampled_from([*make_vectors.claims(PERSON), "ext", "thid", "prev", "agr"]), value=ODD)
def test_odd_claims_do_no_harm(name: str, value: Any) -> None:
    payload = json.dumps({**make_vectors.claims(PERSON), name: value}).encode()
    harmless(forge.token(PERSON, payload))


@examples
@given(name=st.sampled_from(["alg", "kid", "typ", "crit"]), value=ODD)
def test_odd_headers_do_no_harm(name: str, value: Any) -> None:
    head = json.dumps({**forge.header(PERSON), name: value}).encode()
    harmless(forge.token(PERSON, make_vectors.claims(PERSON), head))


@examples
@given(
    jwk=st.dictionaries(
        st.sampled_from(["kty", "crv", "x", "y", "d", "kid"]),
        ODD
        | st.sampled_from(
            ["EC", "OKP", "P-256", "Ed25519", PERSON.jwk["x"], PERSON_EC.jwk["x"], PERSON_EC.jwk["y"]]
        ),
    )
)
def test_odd_keys_do_no_harm(jwk: dict[str, Any]) -> None:
    harmless(make_vectors.fake(json.dumps(jwk).encode()))
    for alg in keys.ALGS:
        harmless(make_vectors.fake(json.dumps({**PERSON.jwk, **jwk}).encode(), alg))
    document = {"issuer": HOME, "keys": [jwk, {**PERSON_EC.jwk, **jwk}], "historical_keys": [jwk]}
    assert keys.key_set(HOME, document, NOW).origin == HOME


@pytest.mark.parametrize("folder", seldom(FOLDERS, lambda path: path.name))
def test_vectors_do_no_harm_where_they_do_not_belong(folder: Path) -> None:
    harmless((folder / "token.jwt").read_bytes())


# --- keys of an origin -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "document",
    [None, [], {}, {"issuer": HOME}, {"issuer": HOME + "/", "keys": []}, {"issuer": HOME, "keys": {}}],
)
def test_what_is_no_discovery_document(document: Any) -> None:
    with pytest.raises(ProtocolError, match="key-unavailable"):
        keys.key_set(HOME, document, NOW)


def test_listed_keys_that_are_unfit_are_passed_over() -> None:
    small = {"kty": "OKP", "crv": "Ed25519", "x": forge.b64((1).to_bytes(32, "little"))}
    listed = [
        small,
        {"kty": "RSA"},
        None,
        "x",
        {**PERSON_EC.jwk, "kid": "other"},
        {**PERSON.jwk, "use": "sig"},
    ]
    found = keys.key_set(HOME, {"issuer": HOME, "keys": listed}, NOW)
    assert list(found.keys) == [PERSON.kid]
    assert found.find(PERSON.kid).jwk == PERSON.jwk


def test_a_private_key_whose_halves_differ_is_refused() -> None:
    with pytest.raises(ValueError, match="belong together"):
        keys.load_private({**PERSON.jwk, "d": make_vectors.NEXT.secret})
