// Searches the index that came with this page: nothing is sent anywhere. All words have to occur.
"use strict";
(() => {
  const most = 60;
  const field = document.getElementById("query");
  const list = document.getElementById("found");
  const count = document.getElementById("count");
  const entries = window.vrmSearch.map((entry) => ({
    ...entry,
    title: entry.t.toLowerCase(),
    text: `${entry.t} ${entry.x} ${entry.k}`.toLowerCase(),
  }));

  // The lower the better: the whole title, its beginning, a word of it, anywhere in it, in the text.
  const rank = (entry, word) => {
    if (!entry.text.includes(word)) return -1;
    if (entry.title === word) return 0;
    if (entry.title.startsWith(word)) return 1;
    if (entry.title.split(/[^a-z0-9]+/).includes(word)) return 2;
    return entry.title.includes(word) ? 3 : 4;
  };

  const find = (query) => {
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.length) return [];
    const found = [];
    entries.forEach((entry, place) => {
      const ranks = words.map((word) => rank(entry, word));
      if (!ranks.includes(-1)) found.push([ranks.reduce((a, b) => a + b, 0), place, entry]);
    });
    return found.sort((a, b) => a[0] - b[0] || a[1] - b[1]).map((hit) => hit[2]);
  };

  const item = (entry) => {
    const row = document.createElement("li");
    const link = document.createElement("a");
    link.href = entry.u;
    link.textContent = entry.t;
    const sort = document.createElement("span");
    sort.className = "sort";
    sort.textContent = ` ${entry.k}`;
    const text = document.createElement("p");
    text.textContent = entry.x;
    row.append(link, sort, text);
    return row;
  };

  const show = () => {
    const hits = find(field.value);
    list.replaceChildren(...hits.slice(0, most).map(item));
    const shown = hits.length > most ? `, the first ${most} are shown` : "";
    count.textContent = field.value.trim() ? `${hits.length} found${shown}.` : "";
  };

  const address = () => {
    const url = field.value.trim() ? `?q=${encodeURIComponent(field.value.trim())}` : location.pathname;
    try {
      history.replaceState(null, "", url);
    } catch {
      // a page of the file system may not change its address everywhere
    }
  };

  // Down and Up go from the field through the links and back; Tab and Enter do what they always do.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    const stops = [field, ...list.querySelectorAll("a")];
    const at = stops.indexOf(document.activeElement);
    const next = stops[at + (event.key === "ArrowDown" ? 1 : -1)];
    if (at < 0 || !next) return;
    event.preventDefault();
    next.focus();
  });

  field.form.addEventListener("submit", (event) => {
    event.preventDefault();
    address();
    show();
  });
  field.addEventListener("input", show);
  field.value = new URLSearchParams(location.search).get("q") || "";
  show();
  if (field.value) document.getElementById("find").value = field.value;
  else field.focus();
})();
