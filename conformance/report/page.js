// Filters the table of requirements. The page is whole without it.
(function () {
  "use strict";
  const all = (selector, from) => [...(from || document).querySelectorAll(selector)];
  const filter = document.getElementById("filter");
  const rows = all("table.matrix tbody tr");
  const told = document.getElementById("shown");
  const boxes = all("input[type=checkbox]", filter);
  const word = filter.querySelector("input[type=search]");

  function run() {
    const on = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    const text = word.value.toLowerCase();
    for (const row of rows) {
      row.hidden = !on.has(row.dataset.verdict) || !row.textContent.toLowerCase().includes(text);
    }
    told.textContent = rows.filter((row) => !row.hidden).length + " of " + rows.length + " shown";
  }

  // What a link leads to is shown, whatever the filter says.
  function follow() {
    const target = document.getElementById(location.hash.slice(1));
    if (target && target.hidden) {
      boxes.forEach((box) => { box.checked = true; });
      word.value = "";
      run();
      target.scrollIntoView();
    }
    if (target && target.tagName === "DETAILS") target.open = true;
  }

  filter.hidden = false;
  filter.addEventListener("input", run);
  addEventListener("hashchange", follow);
  addEventListener("beforeprint", () => all("details.failure").forEach((one) => { one.open = true; }));
  run();
  follow();
})();
