"""The site of the specification, looked at in Chromium: light, dark, narrow, by keyboard, without scripts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.serving import ROOT
from tests.site.browser import PHONE, Sight, launched, look, seen, served
from tests.site.links import broken
from vrmproto.editor.site.build import build
from vrmproto.editor.site.drawings import kind_svg, ladder_svg

expect.set_options(timeout=30_000)

KINDS = [
    "index.html",
    "protocol/message.html",
    "messages/offer.make.html",
    "shared/need.html",
    "documents/receipt.html",
    "envelope.html",
    "kinds/offer.html",
    "errors/thread-unknown.html",
    "errors/index.html",
    "endpoints.html",
    "roster/index.html",
    "roster/SD-BASE.html",
    "purposes.html",
    "ladder.html",
    "requirements.html",
    "glossary.html",
    "search.html",
    "changes.html",
]
"""A page of each kind."""
TELLING = (
    "index.html",
    "protocol/message.html",
    "messages/offer.make.html",
    "kinds/offer.html",
    "search.html",
)
"""Those that short runs look at."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def files() -> Mapping[str, bytes]:
    return build(ROOT / "spec")


@pytest.fixture(scope="module")
def base(files: Mapping[str, bytes]) -> Iterator[str]:
    with served(files) as url:
        yield url


@pytest.fixture(scope="module")
def sight(chromium: Browser, base: str) -> Iterator[Sight]:
    with seen(chromium, base) as context:
        yield context


# --- links, without a browser ---------------------------------------------------------------------


def test_no_link_of_any_page_is_broken(files: Mapping[str, bytes]) -> None:
    assert broken(files) == []
    assert sum(path.endswith(".html") for path in files) > 100


def test_a_broken_link_is_found() -> None:
    page = '<main id="a"><a href="b/c.html#d">x</a></main>'
    good = {
        "a.html": page.encode(),
        "b/c.html": b'<p id="d"><a href="../a.html">y</a><a href="https://e.example">z</a>',
    }
    assert broken(good) == []
    for link in (
        "b/d.html",
        "b/c.html#e",
        "/b/c.html",
        "b/",
        "#b",
        "file:///etc",
        "../a.html",
        "b/c.html?x#f",
    ):
        bad = good | {"a.html": page.replace("b/c.html#d", link).encode()}
        assert len(broken(bad)) == 1, link
    for element in (
        '<script src="https://e.example/x.js"></script>',
        '<link rel="icon" href="https://e.example">',
    ):
        assert len(broken(good | {"a.html": (page + element).encode()})) == 1
    assert len(broken(good | {"a.html": (page + '<p id="a">').encode()})) == 1


# --- what is seen ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", [one if one in TELLING else pytest.param(one, marks=pytest.mark.long) for one in KINDS]
)
def test_a_page_of_each_kind_is_sound(sight: Sight, path: str) -> None:
    assert look(sight, path) == []


@pytest.mark.long
def test_every_page_is_sound(sight: Sight, files: Mapping[str, bytes]) -> None:
    pages = [path for path in sorted(files) if path.endswith(".html")]
    assert [fault for path in pages for fault in look(sight, path)] == []


@pytest.mark.long
@pytest.mark.parametrize("path", KINDS)
def test_a_page_of_each_kind_is_sound_as_a_whole(sight: Sight, path: str) -> None:
    assert look(sight, path, whole=True) == []


SEEDS = {
    # what is found, where it is put, and the seed
    "has no heading": ("<h1>Page</h1>", "<p>Page</p>"),
    "wide at 375": ("</main>", '<p class="wide">x</p></main>'),
    "https://elsewhere.example/": (
        "</main>",
        '<img alt="x" src="https://elsewhere.example/"></main>',
    ),
    "complains": ("</main>", '</main><script src="bad.js"></script>'),
    "image-alt": ("</main>", '<img src="x.svg"></main>'),
    "light: color-contrast": ("<p>", '<p class="pale">'),
    "dark: color-contrast": ("<p>", '<p class="dim">'),
}
STYLE = b"""
html { color-scheme: light dark; background: #fff; color: #111 } .wide { width: 400px } .pale { color: #bbb }
@media (prefers-color-scheme: dark) {
  html { background: #111; color: #eee } .pale { color: #eee } .dim { color: #444 }
}
"""
PLAIN = """<!doctype html><html lang="en"><head><title>A page</title><meta name="viewport"
content="width=device-width, initial-scale=1"><link rel="stylesheet" href="site.css"></head>
<body><main><h1>Page</h1><p>Some text.</p></main></body></html>"""


def test_what_is_wrong_with_a_page_is_found(chromium: Browser) -> None:
    pages = {"good": PLAIN} | {name: PLAIN.replace(*change) for name, change in SEEDS.items()}
    files = {f"{n}.html": page.encode() for n, page in enumerate(pages.values())}
    files |= {
        "site.css": STYLE,
        "bad.js": b"throw new Error('no')",
        "x.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    }
    with served(files) as url, seen(chromium, url) as context:
        for n, name in enumerate(pages):
            judged = name == "good" or "-" in name
            faults = look(context, f"{n}.html", axe=judged)
            if name == "good":
                assert faults == []
            else:
                assert any(name in fault for fault in faults), (name, faults)


# --- without scripts, by keyboard, from a folder --------------------------------------------------


def test_without_scripts_everything_is_there(chromium: Browser, base: str) -> None:
    with seen(chromium, base, java_script_enabled=False) as context:
        page = context.page
        for path in KINDS[::3]:
            page.goto(base + path)
            assert len(page.locator("main").text_content() or "") > 80, path
        page.goto(base + "kinds/offer.html")
        assert page.locator("svg[role=img]").first.is_visible()
        page.locator("main a", has_text="offer.make").first.click()
        assert page.url == f"{base}messages/offer.make.html"
        page.goto(base + "search.html?q=offer")
        assert "scripts" in page.locator("noscript").inner_text()
    assert context.complaints == []


def test_tab_reaches_the_skip_link_first(sight: Sight) -> None:
    page = sight.open("protocol/message.html")
    page.keyboard.press("Tab")
    skip = page.locator(":focus")
    assert "Skip" in skip.inner_text()
    box = skip.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["y"] >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#main"
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")
    page.close()


def test_search_is_used_by_keyboard(sight: Sight) -> None:
    page = sight.open("index.html")
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('input[type=search]')"):
            break
    page.keyboard.type("thread-unknown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=thread-unknown")
    results = page.locator("#found a")
    expect(results.first).to_be_visible()
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.querySelector('#found').contains(document.activeElement)"):
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**/errors/thread-unknown.html*")
    assert sight.complaints == []
    page.close()


def test_search_says_what_it_finds(sight: Sight, files: Mapping[str, bytes]) -> None:
    page = sight.open("search.html")
    field = page.locator("main input[type=search]")
    field.fill("VRM-THR-002")
    expect(page.locator("[role=status]")).to_contain_text("1")
    assert "threads.html#VRM-THR-002" in str(page.locator("#found a").first.get_attribute("href"))
    field.fill("there is no such word zzz")
    expect(page.locator("[role=status]")).to_contain_text("0")
    assert page.locator("#found a").count() == 0
    assert len(json.loads(files["search.json"])) > 100
    page.close()


def test_the_site_works_from_a_folder_of_files(
    chromium: Browser, files: Mapping[str, bytes], tmp_path: Path
) -> None:
    for path, data in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    with seen(chromium, f"{tmp_path.as_uri()}/") as context:
        page = context.open("search.html?q=proffer")
        expect(page.locator("#found a").first).to_be_visible()
        page.locator("#found a").first.click()
        assert page.locator("main h1").count() == 1
        assert page.evaluate("getComputedStyle(document.body).maxWidth || 'x'")
        assert page.evaluate("document.styleSheets.length") == 1
    assert context.complaints == []
    assert all(url.startswith("file://") for url in context.requests)


# --- drawings -------------------------------------------------------------------------------------

OUTSIDE = """() => [...document.querySelectorAll('svg g > text')].filter((text) => {
  const a = text.getBoundingClientRect(), b = text.parentNode.querySelector('rect').getBoundingClientRect();
  return a.left < b.left + 1 || a.right > b.right - 1 || a.top < b.top || a.bottom > b.bottom + 1;
}).map((text) => text.textContent)"""
OTHERWISE = """() => [...document.querySelectorAll('svg [font-size]')].filter(
  (text) => getComputedStyle(text).fontSize !== `${text.getAttribute('font-size')}px`
).map((text) => text.textContent)"""
MEETING = """() => [...document.querySelectorAll('svg g[class]')].flatMap((group) => {
  const spans = [...group.querySelectorAll('tspan, text:not(:has(tspan))')].map((t) => {
    const r = document.createRange();
    r.selectNodeContents(t);
    return [t.textContent, r.getBoundingClientRect()];
  });
  return spans.flatMap(([a, p], n) => spans.slice(n + 1).filter(([b, q]) =>
    p.left < q.right && q.left < p.right && p.top + 3 < q.bottom - 3 && q.top + 3 < p.bottom - 3
  ).map(([b]) => `${a} on ${b}`));
})"""


def test_texts_of_drawings_lie_in_their_boxes_as_they_are_drawn(chromium: Browser) -> None:
    kinds = json.loads((ROOT / "spec" / "threads.json").read_text())["kinds"]
    drawn = [kind_svg(name, kind) for name, kind in kinds.items()]
    drawn.append(ladder_svg(json.loads((ROOT / "spec" / "ladder.json").read_text())))
    page = chromium.new_page()
    page.set_content("".join(drawn))
    assert page.evaluate(OUTSIDE) == []
    assert page.evaluate(MEETING) == []
    page.set_content("".join(drawn).replace(">agreed<", f">{'agreed' * 9}<"))
    assert page.evaluate(OUTSIDE) == ["agreed" * 9]
    page.set_content("".join(drawn).replace("offer.confirm", "offer.confirm-and-more"))
    assert page.evaluate(MEETING) != []
    page.close()


def test_drawings_scroll_in_their_frame_on_a_phone(chromium: Browser, base: str) -> None:
    with seen(chromium, base, viewport=PHONE) as context:
        for path in ("kinds/terms.html", "kinds/offer.html", "ladder.html"):
            page = context.open(path)
            drawing = page.locator("svg[role=img]").first
            box = drawing.bounding_box()
            assert box is not None
            assert box["width"] > 700, "it is drawn at its natural size, so that it can be read"
            assert page.evaluate("document.documentElement.scrollWidth") <= 375
            assert page.evaluate(OUTSIDE) == []
            assert page.evaluate(OTHERWISE) == [], "a style of the page changes the drawing"
            drawing.locator("g.d-state, g.d-step").last.scroll_into_view_if_needed()
            assert drawing.locator("g.d-state, g.d-step").last.is_visible()
            page.close()
