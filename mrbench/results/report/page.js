// Draws the report's figures when they come near, themes them, compares runs, makes downloads.
"use strict";
(() => {
  const root = document.documentElement;
  const report = JSON.parse(document.getElementById("report").textContent);
  const drawn = new Map(); // id of a figure: the keys of its legend that are hidden
  const NARROW = 500;
  const resets = new Map(); // id of a figure: how often its zoom was reset
  let before = null; // when dark colours held before the page was printed; null while it is not
  const PRINT_WIDTH = 670, PRINT_HEIGHT = 740; // px of a page's inside, A4 or letter, less legend and caption
  const element = (name, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  };

  root.classList.add("script");
  for (const numbers of document.querySelectorAll("details.numbers, .more")) numbers.open = false;

  // figures
  const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const named = (c) => (typeof c === "string" ? `--${c}` : `--c${c}`);
  const pale = (hex) => `rgba(${[1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16))}, 0.45)`;
  const traces = (spec, hidden) => spec.traces.map((trace) => {
    const own = colour(named(trace.meta.c));
    const made = { ...trace, visible: !hidden.has(trace.meta.g) };
    for (const axis of ["x", "y"]) {
      if (typeof made[axis] === "number") made[axis] = report.arrays[made[axis]];
    }
    if (made.line) made.line = { ...made.line, color: own };
    made.marker = { ...made.marker, color: own };
    if (made.marker.symbol === "circle" && made.marker.line) made.marker.line = { ...made.marker.line, color: colour("--paper") };
    if (made.mode?.includes("text")) made.textfont = { color: own };
    if (made.marker.pattern) {
      // pale, for intervals to be seen upon them; hatched in their own colour
      const fill = trace.meta.hollow ? "rgba(0, 0, 0, 0)" : pale(own);
      made.marker.pattern = { ...made.marker.pattern, bgcolor: fill, fgcolor: own };
      made.marker.line = { color: own, width: 1.5 };
      made.marker.color = fill;
    }
    for (const error of ["error_x", "error_y"]) {
      if (made[error]) made[error] = { ...made[error], color: error === "error_x" ? colour("--text") : own };
    }
    return made;
  });

  // bar charts: names and values beside the bars, or above them where the window is narrow
  const CHARACTER = 7.6, LINE = 15; // px of the 12 px font, widest and with its leading
  const decoded = (text) => text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
  const wide = (text) => decoded(text).length * CHARACTER;
  const fitting = (text, room) => {
    const plain = decoded(text), most = Math.max(8, Math.floor(room / CHARACTER));
    const cut = plain.length > most ? `${plain.slice(0, most - 1)}\u2026` : plain;
    return cut.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  };
  const geometry = (spec, width) => {
    const names = Math.max(...spec.bars.map(([name]) => wide(name)));
    if (width >= NARROW && names <= width * 0.35) {
      return { above: false, left: names + 10, height: spec.height };
    }
    const lines = spec.bars.some(([name, value]) => wide(name) + wide(value) > width - 40) ? 2 : 1;
    return { above: true, lines, left: 14, height: 60 + spec.bars.length * (LINE * lines + 30) };
  };
  const placeBars = (spec, made, width) => {
    const { above, lines, left, height } = geometry(spec, width);
    const count = spec.bars.length, room = width - left - made.margin.r;
    const row = (height - made.margin.t - made.margin.b) / count; // px
    const most = Math.max(...spec.bars.map(([, , end]) => end));
    const needs = spec.bars.map(([, value, end]) => end * room / Math.max(room / 4, room - wide(value) - 18));
    made.margin.l = left;
    made.xaxis = { ...made.xaxis, range: [0, above ? most * 1.04 : Math.max(most * 1.04, ...needs)], automargin: false };
    made.yaxis = {
      showgrid: false, zeroline: false, fixedrange: true,
      tickvals: above ? [] : spec.bars.map((_, i) => i),
      ticktext: above ? [] : spec.bars.map(([name]) => name),
      // above the first bar there is room for its label
      range: above ? [count - 1 + 14 / row, -1 + 14 / row] : [count - 0.5, -0.5],
    };
    const size = above ? 9 / row : 0.31; // half a bar, in rows
    made.annotations = spec.bars.map(([name, value, end], i) => ({
      showarrow: false, align: "left", xanchor: "left", y: above ? i - size : i,
      ...(above
        ? { x: 0, yanchor: "bottom", text: `<b>${fitting(name, width - 40)}</b>${lines > 1 ? "<br>" : ": "}${value}` }
        : { x: end, xshift: 12, yanchor: "middle", text: value }),
    }));
    return size * 2;
  };

  const layout = (spec, size, width, hidden) => {
    const text = colour("--text"), grid = colour("--grid"), soft = colour("--soft");
    const made = {
      ...structuredClone(spec.layout), // plotly.js writes zooms into ranges
      ...size,
      autosize: false,
      font: { family: "system-ui, 'DejaVu Sans', sans-serif", size: 12, color: text },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      hovermode: "closest",
      hoverlabel: { bgcolor: colour("--panel"), bordercolor: soft, font: { color: text }, namelength: 60 },
      margin: { l: 54, r: 14, t: spec.layout.xaxis2 ? 46 : 10, b: 48 },
      showlegend: false,
      dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
      bargap: 0.3,
    };
    if (spec.bars.length) made.barWidth = placeBars(spec, made, width);
    for (const name of Object.keys(made).filter((key) => /^[xy]axis/.test(key))) {
      made[name] = { gridcolor: grid, zerolinecolor: soft, linecolor: soft, autorange: !made[name].range, ...made[name] };
    }
    if (made.shapes) { // the shade of a window goes with the runs that have it
      made.shapes = made.shapes.filter(({ name }) => !name || name.split(" ").some((key) => !hidden.has(key)))
        .map((shape) => ({ ...shape, fillcolor: colour("--window") }));
    }
    if (made.annotations) {
      made.annotations = made.annotations.map((note) => ({ ...note, font: { size: 12, color: text } }));
    }
    return made;
  };
  const draw = (node, size = {}) => {
    const id = node.dataset.figure, spec = report.figures[id];
    const before = drawn.get(id);
    const hidden = before || new Set();
    const width = size.width ?? node.clientWidth;
    const height = spec.bars.length ? geometry(spec, width).height : spec.height;
    const full = { height, width, uirevision: `${id} ${resets.get(id) ?? 0}`, ...size };
    drawn.set(id, hidden);
    node.style.height = `${full.height}px`;
    const { barWidth, ...made } = layout(spec, full, width, hidden);
    const marks = traces(spec, hidden);
    if (barWidth) for (const trace of marks) if (trace.type === "bar") trace.width = barWidth;
    Plotly[before ? "react" : "newPlot"](node, marks, made, { displayModeBar: false });
    if (!before) legend(node, spec, hidden);
  };
  const plots = [...document.querySelectorAll(".plot")];
  const redraw = () => {
    for (const node of plots) if (drawn.has(node.dataset.figure) && node.clientWidth) draw(node);
  };
  for (const more of document.querySelectorAll("details.more")) {
    more.addEventListener("toggle", redraw); // what was folded may have other colours and width
  }
  let shown = root.clientWidth;
  window.addEventListener("resize", () => { // not while a page is printed: that has its own width
    if (before === null && root.clientWidth !== shown) {
      shown = root.clientWidth;
      redraw();
    }
  });

  // legends: buttons, so that keyboards and screen readers reach them, and that wrap
  const DASHES = {
    solid: "", dash: "6 3", dot: "2 2", dashdot: "6 2 2 2", longdash: "9 3", longdashdot: "9 2 2 2",
  };
  const swatch = (entry) => {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const bar = entry.kind === "bar", line = entry.kind === "line";
    const [tag, shape] = {
      bar: ["rect", { x: 1, y: 1, width: 12, height: 10 }],
      circle: ["circle", { cx: 7, cy: 6, r: 3 }],
      diamond: ["path", { d: "M7 1 12 6 7 11 2 6Z" }],
      line: ["line", { x1: 0, y1: 6, x2: 24, y2: 6 }],
    }[entry.kind];
    const mark = document.createElementNS(svg.namespaceURI, tag);
    for (const [name, value] of Object.entries(shape)) mark.setAttribute(name, value);
    mark.style.stroke = `var(${named(entry.colour)})`;
    mark.style.fill = (bar && !entry.hollow) || tag === "circle" ? mark.style.stroke : "none";
    mark.style.fillOpacity = bar ? 0.45 : 1;
    mark.style.strokeWidth = line ? 3 : 1.5;
    if (line) mark.style.strokeDasharray = DASHES[entry.dash] ?? entry.dash.replaceAll("px", "");
    svg.setAttribute("width", line ? 24 : 14);
    svg.setAttribute("height", 12);
    svg.setAttribute("aria-hidden", "true");
    svg.append(mark);
    if (bar && entry.pattern) {
      const hatch = document.createElementNS(svg.namespaceURI, "path");
      hatch.setAttribute("d", "M2 10 9 2M6 11 13 4");
      hatch.style.stroke = mark.style.stroke;
      svg.append(hatch);
    }
    return svg;
  };
  const legend = (node, spec, hidden) => {
    const box = node.parentElement.querySelector(".legend");
    const buttons = spec.legend.map((entry) => {
      const button = element("button", { type: "button", ariaPressed: "true" }, swatch(entry), entry.label);
      button.addEventListener("click", () => {
        if (!hidden.delete(entry.key)) hidden.add(entry.key);
        show();
      });
      return button;
    });
    const show = () => {
      spec.legend.forEach((entry, i) => buttons[i].setAttribute("aria-pressed", !hidden.has(entry.key)));
      draw(node);
    };
    box.replaceChildren(...buttons);
    const tool = (text, act) => {
      const button = element("button", { type: "button", className: "tool", textContent: text });
      button.addEventListener("click", act);
      box.append(button);
      return button;
    };
    if (buttons.length > 3) {
      for (const [text, keys] of [["Show all", []], ["Hide all", spec.legend.map((entry) => entry.key)]]) {
        tool(text, () => {
          hidden.clear();
          keys.forEach((key) => hidden.add(key));
          show();
        });
      }
    }
    tool("Save as PNG", () => Plotly.downloadImage(node, { format: "png", filename: node.dataset.figure, scale: 2 }));
    const reset = tool("Reset zoom", () => {
      const id = node.dataset.figure;
      resets.set(id, (resets.get(id) ?? 0) + 1); // another uirevision: the zoom is not kept
      draw(node);
      reset.hidden = true;
    });
    reset.hidden = true;
    node.on("plotly_relayout", (changed) => {
      const keys = Object.keys(changed);
      if (keys.some((key) => /axis\d*\.range/.test(key))) reset.hidden = false;
      if (keys.some((key) => /axis\d*\.autorange/.test(key))) reset.hidden = true;
    });
  };

  // light and dark: the button says when the style sheet's dark colours hold
  const toggle = document.getElementById("theme");
  const prefers = matchMedia("(prefers-color-scheme: dark)");
  const { media: dark } = [...document.styleSheets[0].cssRules].find((rule) => rule.media?.mediaText === prefers.media);
  const isDark = () => matchMedia(dark.mediaText).matches;
  const told = () => { toggle.textContent = isDark() ? "Light colours" : "Dark colours"; };
  toggle.addEventListener("click", () => {
    dark.mediaText = isDark() ? "not all" : "all";
    told();
    redraw();
  });
  prefers.addEventListener("change", () => { told(); redraw(); });
  told();

  // on paper: all figures, in light colours, as wide as the page, and open what is not endless
  let opened = [];
  window.addEventListener("beforeprint", () => {
    before = dark.mediaText;
    dark.mediaText = "not all";
    opened = [...document.querySelectorAll("details:not([open])")].filter((d) => !d.matches("figure *, .long"));
    for (const details of opened) details.open = true;
    for (const node of plots) {
      const spec = report.figures[node.dataset.figure];
      const height = Math.min(spec.height, PRINT_HEIGHT);
      draw(node, { width: PRINT_WIDTH, height });
    }
  });
  window.addEventListener("afterprint", () => {
    dark.mediaText = before;
    for (const details of opened) details.open = false;
    before = null;
    redraw();
  });
  document.getElementById("print").addEventListener("click", () => window.print());

  // what differs between two runs, as `mrbench compare` tells it
  const words = (value, count) => (count === 1 ? `1 ${value} differs that` : `${count} ${value}s differ that`);
  const compare = (facts, a, b) => {
    const [one, other] = [facts.runs[a], facts.runs[b]];
    const between = one.implementation !== other.implementation;
    const context = (one.cpu || other.cpu ? 2 : 0) + (between ? 1 : 0);
    const found = facts.keys.flatMap((key, i) => {
      const codes = [one.codes[i], other.codes[i]];
      if (codes[0] === codes[1] || (key.unsaid && codes.includes(-1))) return [];
      const [kind, reason] = key.kinds[context];
      const texts = codes.map((code) => (code < 0 ? "(absent)" : key.values[code]));
      return [{ key: key.key, group: key.group, place: key.place, kind, reason: facts.reasons[reason], a: texts[0], b: texts[1] }];
    });
    found.sort((x, y) => x.kind - y.kind);
    const reasons = found.filter((d) => d.kind === 0).map((d) => (d.key === "own_model" ? d.reason : `${d.key}: ${d.a} / ${d.b}`));
    for (const [label, run] of [["A", one], ["B", other]]) {
      if (run.missing !== null) reasons.push(`${label} has no number: ${run.missing}`);
    }
    const count = found.filter((d) => d.kind === 1).length;
    let verdict = "May be compared: same plan, same machine.";
    if (reasons.length) {
      const more = reasons.length > 4 ? `; and ${reasons.length - 4} more` : "";
      verdict = `May NOT be compared: ${reasons.slice(0, 4).join("; ")}${more}.`;
    } else if (count) {
      const names = between ? ` ${one.implementation} and ${other.implementation} of one suite,` : "";
      verdict = `May be compared:${names} ${words("thing", count)} may explain a difference.`;
    }
    return { verdict, found, ratio: reasons.length ? null : other.rate / one.rate };
  };
  for (const form of document.querySelectorAll("form.compare")) {
    const facts = report.facts[form.dataset.suite], [a, b] = form.querySelectorAll("select");
    const answer = form.parentElement.querySelector(".answer");
    facts.runs.forEach((run, i) => {
      for (const select of [a, b]) select.append(element("option", { value: i, textContent: run.label }));
    });
    b.value = Math.min(1, facts.runs.length - 1);
    const show = () => {
      const { verdict, found, ratio } = compare(facts, +a.value, +b.value);
      const heads = ["Fact", "A", "B", "Effect on a comparison"];
      const head = element("tr", {}, ...heads.map((text) => element("th", { scope: "col", textContent: text })));
      const cell = (text, i) => {
        const made = element("td", { textContent: text });
        made.dataset.label = heads[i];
        return made;
      };
      const bodies = facts.groups.flatMap((title, group) => {
        const members = found.filter((d) => d.kind < 2 && d.group === group);
        members.sort((x, y) => x.kind - y.kind || x.place - y.place);
        const rows = members.map((d) => element("tr", {},
          element("th", { scope: "row", textContent: d.key }),
          cell(d.a, 1), cell(d.b, 2), cell(`${facts.kinds[d.kind]}: ${d.reason}`, 3)));
        const over = element("th", { scope: "rowgroup", colSpan: 4, textContent: title });
        return rows.length ? [element("tbody", {}, element("tr", { className: "group" }, over), ...rows)] : [];
      });
      const harmless = found.filter((d) => d.kind === 2).map((d) => d.key).join(", ");
      const scroll = element("div", { className: "scroll", tabIndex: 0, role: "region", ariaLabel: "Differences" });
      if (bodies.length) scroll.append(element("table", { className: "wide even" }, element("thead", {}, head), ...bodies));
      answer.replaceChildren(
        element("p", { className: "verdict", textContent: verdict }),
        ...(ratio === null ? [] : [element("p", { textContent:
          `B / A: ${ratio.toFixed(4)}. These are single runs: whether the next runs would differ as much is not established.` })]),
        scroll,
        ...(harmless ? [element("p", { className: "soft", textContent: `Harmless: ${harmless}` })] : []));
    };
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", show);
    show();
  }
  window.mrbench = { report, compare }; // for the tests, and for whoever looks inside

  // downloads, made here: they work from a file and without a network
  const cell = (value) => {
    if (value === null || value === undefined) return "";
    let text = typeof value === "object" ? JSON.stringify(value) : String(value);
    if (typeof value === "string" && /^[=+\-@\t\r]/.test(text)) text = `'${text}`; // no formulas
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const csv = (rows) => {
    const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
    return [names, ...rows.map((row) => names.map((name) => row[name]))]
      .map((row) => row.map(cell).join(",") + "\r\n").join("");
  };
  const series = () => Object.entries(report.figures).flatMap(([id, spec]) => spec.traces.flatMap((trace) => {
    const [x, y] = ["x", "y"].map((axis) => (typeof trace[axis] === "number" ? report.arrays[trace[axis]] : trace[axis]));
    return x.map((value, i) => ({ figure: id, title: spec.title, axis: trace.yaxis ?? "y", series: decoded(trace.name), x: value, y: y[i] }));
  }));
  const FILES = {
    "rows.csv": () => csv(report.rows),
    "runs.csv": () => csv(report.runs),
    "series.csv": () => csv(series()),
    "report.json": () => JSON.stringify({ rows: report.rows, runs: report.runs, series: series() }, null, 1),
  };
  for (const button of document.querySelectorAll("[data-download]")) {
    const name = button.dataset.download;
    button.addEventListener("click", () => {
      const type = name.endsWith("json") ? "application/json" : "text/csv";
      const url = URL.createObjectURL(new Blob([FILES[name]()], { type: `${type};charset=utf-8` }));
      const link = element("a", { href: url, download: name });
      document.body.append(link);
      link.click();
      link.remove();
      setTimeout(() => URL.revokeObjectURL(url), 10000);
    });
  }

  // plotly.js comes behind this script; its figures are drawn when they come near
  document.addEventListener("DOMContentLoaded", () => {
    const near = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        if (entry.isIntersecting) {
          near.unobserve(entry.target);
          if (!drawn.has(entry.target.dataset.figure)) draw(entry.target);
        }
      }
    }, { rootMargin: "400px" });
    plots.forEach((node) => near.observe(node));
    root.classList.add("ready");
  });
})();
