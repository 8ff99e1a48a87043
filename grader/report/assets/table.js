// The class page's table: sort, filter and search. Without it the page is a plain table in student order.
//
// The state stands in the address (#sort=-points&show=raised&find=ada), so that links and reloads keep it. Texts of
// submissions are only ever read; what is shown is what stands in the page already, moved or hidden.
"use strict";

(() => {
  const table = document.querySelector("table.sortable");
  const controls = document.querySelector(".controls");
  if (!table || !controls) return;
  const show = controls.querySelector("select");
  const find = controls.querySelector("input");
  const reset = controls.querySelector("button");
  const status = controls.querySelector("[role=status]");
  const more = document.querySelector("button.more-rows");
  const FIRST = 100; // rows that are shown at first: laying out a thousand takes longer than sorting them
  const heads = [...table.tHead.rows[0].cells];
  const names = heads.map((head) => head.dataset.sort);
  const rows = [...table.tBodies].filter((body) => !body.classList.contains("pinned")).map((body, place) => ({ body, place }));
  const counted = new Intl.NumberFormat("en");

  /** Lower case without accents: "jose" finds "José". */
  const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

  /** What is searched: student, name, address, summary and messages; not logs and digests. */
  function textOf(row) {
    row.text ??= plain([...row.body.querySelectorAll("th, .address, summary, .why, .message")].map((part) => part.textContent).join("\n"));
    return row.text;
  }

  const state = { sort: names[0], descending: false, show: "", find: "" };
  let most = FIRST;
  let sorted = rows;

  /** Orders by the column of that name; rows without a figure stay last in both directions, equal ones in student order. */
  function ordered(name, descending) {
    const column = names.indexOf(name);
    const sign = descending ? -1 : 1;
    const keyed = rows.map((row) => {
      const value = row.body.rows[0].cells[column].dataset.value;
      return { row, key: column === 0 ? row.place : value === "" ? null : Number.isNaN(Number(value)) ? value : Number(value) };
    });
    keyed.sort((a, b) => {
      if (a.key === null || b.key === null) return (a.key === null) - (b.key === null) || a.row.place - b.row.place;
      return sign * ((a.key > b.key) - (a.key < b.key)) || a.row.place - b.row.place;
    });
    return keyed.map(({ row }) => row);
  }

  let order = "";
  function sort() {
    const wanted = `${state.sort} ${state.descending}`;
    if (wanted === order) return;
    if (order || wanted !== `${names[0]} false`) {
      const all = document.createDocumentFragment();
      sorted = ordered(state.sort, state.descending);
      all.append(...sorted.map(({ body }) => body));
      table.append(all);
    }
    order = wanted;
    heads.forEach((head, column) => {
      if (names[column] === state.sort) head.setAttribute("aria-sort", state.descending ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
  }

  function filter() {
    const words = plain(state.find).split(/\s+/).filter(Boolean);
    let found = 0;
    for (const row of sorted) {
      row.fits = (!state.show || row.body.dataset.is.split(" ").includes(state.show)) && words.every((word) => textOf(row).includes(word));
      found += row.fits;
      const shown = row.fits && found <= most;
      if (row.body.hidden === shown) row.body.hidden = !shown;
    }
    reset.hidden = !state.show && !words.length;
    const [all, fit] = [rows.length, found].map((count) => counted.format(count));
    status.textContent = found === rows.length ? `${all} submissions` : `${fit} of ${all} submissions`;
    more.hidden = found <= most;
    more.textContent = `Show the other ${counted.format(found - most)}`;
  }

  function apply() {
    sort();
    filter();
    show.value = state.show;
    if (find.value !== state.find) find.value = state.find;
    light();
  }

  /** The address follows the table; equal states have equal addresses. */
  function remember() {
    const parts = new URLSearchParams();
    if (state.sort !== names[0] || state.descending) parts.set("sort", (state.descending ? "-" : "") + state.sort);
    if (state.show) parts.set("show", state.show);
    if (state.find) parts.set("find", state.find);
    try {
      history.replaceState(null, "", `#${parts}`);
    } catch { /* a browser that permits no addresses of its own to files: the table works without */ }
  }

  function change(changes) {
    Object.assign(state, changes);
    most = FIRST;
    apply();
    remember();
  }

  /** A link in the page, or the address that it was opened with: a row, or a state of the table. */
  function follow() {
    const hash = location.hash.slice(1);
    const row = /^row-\d+$/.test(hash) ? document.getElementById(hash) : null;
    if (row) {
      row.hidden = false; // whatever is filtered: a link to it means it
      row.querySelector("details")?.setAttribute("open", "");
      row.scrollIntoView({ block: "center" });
      return;
    }
    const parts = new URLSearchParams(hash);
    if (!["sort", "show", "find"].some((name) => parts.has(name))) return;
    const wanted = parts.get("sort") ?? state.sort;
    const name = wanted.replace(/^-/, "");
    const known = (value) => [...show.options].some((option) => option.value === value);
    if (names.includes(name)) Object.assign(state, { sort: name, descending: parts.has("sort") ? wanted !== name : state.descending });
    state.show = known(parts.get("show")) ? parts.get("show") : "";
    state.find = parts.get("find") ?? "";
    apply();
    if (!parts.has("sort")) controls.scrollIntoView(); // a link from above, such as a verdict's
  }

  // The plane follows the table: marks of rows that are hidden fade, the mark of the row in hand stands out.

  const figure = document.querySelector('figure[data-spec="chart-plane"]');
  const byPage = new Map(rows.map((row) => [row.body.querySelector("th a").getAttribute("href"), row.body]));
  const bodies = [];
  let marks = [];

  /** The drawn marks, in the order of the chart's data. */
  function collect() {
    if (!bodies.length) {
      const spec = JSON.parse(document.getElementById(figure.dataset.spec).textContent);
      const crowd = spec.layer.find((layer) => layer.name === "crowd")?.data.values ?? [];
      bodies.push(...crowd.map((row) => byPage.get(row.href)));
    }
    const found = [...figure.querySelectorAll(".crowd_marks path")];
    marks = found.length === bodies.length ? found : [];
    light();
  }

  let hand = null;
  function light() {
    const hidden = new Set(rows.filter((row) => !row.fits).map(({ body }) => body));
    marks.forEach((mark, place) => {
      mark.classList.toggle("faded", Boolean(hidden.has(bodies[place])));
      mark.classList.toggle("lit", hand !== null && bodies[place] === hand);
    });
  }

  function take(event) {
    const body = event.target.closest?.("tbody") ?? null;
    if (body === hand) return;
    hand = body;
    light();
  }

  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    const figures = head.classList.contains("number");
    button.addEventListener("click", () => {
      const again = state.sort === names[column];
      change({ sort: names[column], descending: again ? !state.descending : figures });
    });
  });
  show.addEventListener("change", () => change({ show: show.value }));
  find.addEventListener("input", () => change({ find: find.value }));
  reset.addEventListener("click", () => {
    change({ show: "", find: "" });
    find.focus();
  });
  more.addEventListener("click", () => {
    const next = sorted.filter((row) => row.fits)[most].body;
    most = Infinity;
    filter();
    next.querySelector("a").focus();
  });
  controls.hidden = false;
  apply();
  follow();
  addEventListener("hashchange", follow);
  if (figure) {
    new MutationObserver(collect).observe(figure, { attributes: true, attributeFilter: ["data-drawn"] });
    if (figure.dataset.drawn) collect();
    for (const event of ["pointerover", "focusin"]) table.addEventListener(event, take);
    table.addEventListener("pointerleave", () => { hand = null; light(); });
  }
  document.documentElement.dataset.table = "ready";
})();
