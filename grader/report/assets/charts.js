// Draws every <figure class="chart" data-spec="ID"> from the Vega-Lite specification in <script type="application/json" id="ID">.
//
// Expressions are interpreted, never compiled, because the pages' content security policy forbids eval. All colours are CSS
// variables of report.css: light, dark and print follow the style sheet without drawing again. What fails leaves the figure's
// text as it is, and says why in the figure's data-error; what is drawn has data-drawn.
"use strict";

(() => {
  const NARROW = 520; // pixels: below, letters and gaps are smaller
  const PANEL = 300; // pixels: narrower panels go below each other
  const SETTLED = 120; // milliseconds without another change of width before drawing again

  const colour = (name) => `var(--chart-${name})`;

  function theme(width) {
    const size = width < NARROW ? 11 : 12;
    const text = { color: "var(--soft)", fontSize: size };
    // Letters stay readable on lines and marks: report.css paints this stroke behind them.
    const haloed = { fontSize: size, fill: "var(--ink)", stroke: "var(--paper)", strokeWidth: 3, strokeJoin: "round" };
    return {
      font: getComputedStyle(document.body).fontFamily,
      background: null,
      padding: { left: 0, right: 2, top: 4, bottom: 4 },
      view: { stroke: null },
      title: { anchor: "start", color: "var(--ink)", fontSize: size + 1, fontWeight: 600, offset: 8 },
      axis: {
        domainColor: colour("axis"), tickColor: colour("axis"), gridColor: colour("grid"),
        labelColor: "var(--soft)", titleColor: "var(--ink)", labelFontSize: size, titleFontSize: size, titleFontWeight: 500,
        titlePadding: 8, labelPadding: 4,
      },
      axisY: { labelLimit: width * 0.42 },
      legend: {
        orient: "top", direction: "horizontal", columns: Math.max(1, Math.floor(width / 150)), columnPadding: 14, offset: 8,
        labelColor: "var(--ink)", titleColor: "var(--ink)", labelFontSize: size, titleFontSize: size, titleFontWeight: 500,
        labelLimit: Math.max(120, width / 2.6), titleOrient: "top", symbolStrokeWidth: 1, symbolSize: 100, symbolOpacity: 1,
      },
      range: { category: [1, 2, 3, 4, 5, 6].map(colour), ordinal: [1, 2, 3, 4, 5].map((step) => colour(`step-${step}`)) },
      style: {
        "level": { color: colour("level"), strokeWidth: 1 },
        "level-full": { color: colour("full"), strokeWidth: 1.75 },
        "level-area": { color: colour("full"), fillOpacity: 0.1 },
        "level-text": { ...text, fontSize: size - 1 },
        "bound": { color: colour("axis"), strokeWidth: 1, strokeDash: [4, 3] },
        "spread": { color: colour("1"), strokeWidth: 2, strokeCap: "round" },
        "dot": { color: colour("1"), stroke: "var(--paper)" },
        "crowd": { color: colour("student"), fillOpacity: 1 },
        "bar": { color: colour("1") },
        "bar-best": { color: colour("you") },
        "value": { ...text, color: "var(--ink)" },
        "outlined": { stroke: "var(--ink)", strokeWidth: 0.75 },
        "mark": { stroke: "var(--paper)", strokeWidth: 1 },
        "line": { strokeWidth: 1.5 },
        "line-quiet": { stroke: colour("axis"), strokeWidth: 1.25, strokeDash: [4, 3] },
        "label": haloed,
      },
    };
  }

  /** The specification at this width: panels get as many columns as fit, and everything a width in pixels. */
  function fitted(spec, width, overhang) {
    const panels = spec.concat;
    if (!panels) {
      // Labels of rows come as pieces, which stand below each other only where there is little room.
      const params = spec.params?.map((param) => width < NARROW ? param : { ...param, value: param.value.map((pieces) => [pieces.join("")]) });
      return { ...spec, width, autosize: { type: "fit-x", contains: "padding" }, ...(params && { params }) };
    }
    const columns = Math.max(1, Math.min(panels.length, Math.floor(width / PANEL)));
    const each = Math.floor((width - overhang) / columns);
    return { ...spec, columns, concat: panels.map((panel) => ({ ...panel, width: each })) };
  }

  /**
   * Lets Vega place the texts of the layer "labels" beside the marks of the layer "named", none over another; those that find
   * no room are left out. Vega-Lite has no word for it, so it is put into what Vega-Lite compiled.
   */
  function placeLabels(compiled, fontSize) {
    const texts = compiled.marks.find((mark) => mark.name === "labels_marks");
    if (!texts) return;
    texts.from = { data: "named_marks" };
    texts.encode = {
      update: {
        text: { signal: "datum.datum.quiet ? '' : datum.datum.label" },
        fontSize: { value: fontSize },
        fontWeight: { signal: "datum.datum.bold ? 600 : 400" },
      },
    };
    texts.transform = [{
      type: "label",
      size: { signal: "[width, height]" },
      anchor: ["right", "left", "top", "bottom", "top-right", "bottom-right", "top-left", "bottom-left"],
      offset: [4, 4, 3, 3, 2, 2, 2, 2],
      sort: { field: "datum.datum.bold", order: "descending" },
    }];
  }

  /** One line for each figure of a mark. Text only: what stands in data is never taken for markup. */
  function tooltip(handler, event, item, value) {
    const box = tooltip.box ??= document.body.appendChild(Object.assign(document.createElement("dl"), { className: "chart-tooltip" }));
    box.setAttribute("aria-hidden", "true");
    box.hidden = value == null || value === "";
    if (box.hidden) return;
    const rows = typeof value === "object" ? Object.entries(value) : [["", value]];
    box.replaceChildren(...rows.filter(([, text]) => text != null && text !== "").map(([name, text]) => {
      const row = document.createElement("div");
      const [dt, dd] = ["dt", "dd"].map((tag) => document.createElement(tag));
      dt.textContent = name;
      dd.textContent = text;
      row.append(dt, dd);
      return row;
    }));
    // Through the object model: the policy forbids style attributes, not this.
    const { clientWidth: right, clientHeight: bottom } = document.documentElement;
    const beside = event.clientX + 14 + box.offsetWidth <= right ? event.clientX + 14 : event.clientX - 14 - box.offsetWidth;
    box.style.left = `${Math.max(4, Math.min(beside, right - 4 - box.offsetWidth))}px`;
    box.style.top = `${Math.max(4, Math.min(event.clientY + 14, bottom - 4 - box.offsetHeight))}px`;
  }

  /** Opens the page of a mark's "href" field, if it is one of the same kind of address as this page's. */
  function follow(event, item) {
    const href = item?.datum?.href ?? item?.datum?.datum?.href;
    if (!href) return;
    const address = new URL(href, location.href);
    if (address.protocol !== location.protocol) return;
    if (event.ctrlKey || event.metaKey) window.open(address, "_blank", "noopener");
    else location.assign(address);
  }

  async function render(spec, width, overhang) {
    const config = theme(width);
    const compiled = vegaLite.compile(fitted(spec, width, overhang), { config }).spec;
    placeLabels(compiled, config.style.label.fontSize);
    const box = document.createElement("div");
    const view = new vega.View(vega.parse(compiled, null, { ast: true }), {
      expr: vega.expressionInterpreter,
      renderer: "svg",
      container: box,
      tooltip,
    });
    view.addEventListener("click", follow);
    await view.runAsync();
    // The figure's text says it all, once: to screen readers the drawing is one picture, not hundreds of unnamed ones.
    for (const part of box.querySelectorAll("[role], [aria-roledescription], [aria-label]")) {
      for (const name of ["role", "aria-roledescription", "aria-label"]) part.removeAttribute(name);
    }
    return { view, box };
  }

  const drawn = new Map(); // figure -> {view, width}

  async function draw(figure) {
    const canvas = figure.querySelector(".chart-canvas");
    const width = Math.floor(canvas.clientWidth);
    if (!width || drawn.get(figure)?.width === width) return;
    try {
      const spec = JSON.parse(document.getElementById(figure.dataset.spec).textContent);
      let { view, box } = await render(spec, width, 0);
      const overhang = spec.concat ? Math.ceil(box.querySelector("svg").getAttribute("width")) - width : 0;
      if (overhang > 0) {
        view.finalize(); // axes and gaps between panels can only be measured
        ({ view, box } = await render(spec, width, overhang));
      }
      canvas.replaceChildren(...box.childNodes);
      drawn.get(figure)?.view.finalize();
      drawn.set(figure, { view, width });
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", figure.querySelector("figcaption strong")?.textContent ?? "chart");
      figure.dataset.drawn = width;
      delete figure.dataset.error;
    } catch (error) {
      figure.dataset.error = String(error);
      console.error(`chart ${figure.dataset.spec}: ${error}`);
    }
  }

  // One after another with a breath between, so that a page with many charts can be scrolled while it draws.
  const waiting = new Set();
  let timer = null;
  function schedule(delay) {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const [figure] = waiting;
      if (!figure) return;
      waiting.delete(figure);
      await draw(figure);
      schedule(0);
    }, delay);
  }

  const observer = new ResizeObserver((entries) => {
    for (const { target } of entries) waiting.add(target.closest("figure"));
    schedule(drawn.size ? SETTLED : 0);
  });
  for (const canvas of document.querySelectorAll("figure.chart[data-spec] .chart-canvas")) observer.observe(canvas);

  const hide = () => { if (tooltip.box) tooltip.box.hidden = true; };
  addEventListener("scroll", hide, { passive: true, capture: true });
  addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
})();
