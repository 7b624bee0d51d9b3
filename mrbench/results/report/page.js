// Draws the report's figures when they come near, themes them, compares runs, makes downloads.
"use strict";
(() => {
  const root = document.documentElement;
  const report = JSON.parse(document.getElementById("report").textContent);
  const drawn = new Map(); // id of a figure: the keys of its legend that are hidden
  const NARROW = 500;
  const PRINT_WIDTH = 670, PRINT_HEIGHT = 740; // px of a page's inside, A4 or letter, less legend and caption
  const element = (name, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  };

  root.classList.add("script");
  for (const numbers of document.querySelectorAll("details.numbers")) numbers.open = false;

  // figures
  const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const pale = (hex) => `rgba(${[1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16))}, 0.45)`;
  const traces = (spec, hidden) => spec.traces.map((trace) => {
    const own = colour(`--c${trace.meta.c}`);
    const made = { ...trace, visible: !hidden.has(trace.meta.g) };
    for (const axis of ["x", "y"]) {
      if (typeof made[axis] === "number") made[axis] = report.arrays[made[axis]];
    }
    if (made.line) made.line = { ...made.line, color: own };
    made.marker = { ...made.marker, color: own };
    if (made.marker.pattern) {
      // pale, for intervals to be seen upon them; hatched in their own colour
      const fill = trace.meta.hollow ? "rgba(0, 0, 0, 0)" : pale(own);
      made.marker.pattern = { ...made.marker.pattern, bgcolor: fill, fgcolor: own };
      made.marker.line = { color: own, width: 1.5 };
      made.marker.color = fill;
    }
    for (const error of ["error_x", "error_y"]) {
      if (made[error]) made[error] = { ...made[error], color: colour(error === "error_x" ? "--text" : `--c${trace.meta.c}`) };
    }
    return made;
  });
  const short = (text) => (text.length > 16 && !text.includes("&") ? `${text.slice(0, 15)}\u2026` : text);
  const layout = (spec, size, width) => {
    const text = colour("--text"), grid = colour("--grid"), soft = colour("--soft");
    const made = {
      ...spec.layout,
      ...size,
      autosize: !size.width,
      font: { family: "system-ui, 'DejaVu Sans', sans-serif", size: 12, color: text },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      hovermode: "closest",
      hoverlabel: { bgcolor: colour("--panel"), bordercolor: soft, font: { color: text }, namelength: 60 },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: soft, activecolor: text },
      margin: { l: 54, r: 14, t: spec.layout.xaxis2 ? 58 : 26, b: 48 },
      showlegend: false,
      dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
      uirevision: "keep",
      bargap: 0.3,
    };
    for (const name of Object.keys(made).filter((key) => /^[xy]axis/.test(key))) {
      made[name] = { gridcolor: grid, zerolinecolor: soft, linecolor: soft, ...made[name] };
      if (width < NARROW && name === "yaxis" && made[name].ticktext) {
        made[name].ticktext = made[name].ticktext.map(short); // names leave half to the bars
        made[name].tickfont = { size: 10 };
      }
    }
    if (made.shapes) {
      made.shapes = made.shapes.map((shape) => ({ ...shape, fillcolor: colour("--window") }));
    }
    if (made.annotations) {
      made.annotations = made.annotations.map((note) => ({ ...note, font: { size: 12, color: soft } }));
    }
    return made;
  };
  const draw = (node, size = {}) => {
    const id = node.dataset.figure, spec = report.figures[id];
    const before = drawn.get(id);
    const hidden = before || new Set();
    const full = { height: spec.height, ...size };
    const options = {
      displaylogo: false,
      responsive: true,
      modeBarButtons: [["toImage", "zoom2d", "pan2d", "resetScale2d"]],
      toImageButtonOptions: { filename: id },
    };
    drawn.set(id, hidden);
    node.style.height = `${full.height}px`;
    Plotly[before ? "react" : "newPlot"](node, traces(spec, hidden), layout(spec, full, size.width ?? node.clientWidth), options);
    if (!before) legend(node, spec, hidden);
  };
  const plots = [...document.querySelectorAll(".plot")];
  const redraw = () => {
    for (const node of plots) if (drawn.has(node.dataset.figure)) draw(node);
  };

  // legends: buttons, so that keyboards and screen readers reach them, and that wrap
  const DASHES = {
    solid: "", dash: "6 3", dot: "2 2", dashdot: "6 2 2 2", longdash: "9 3", longdashdot: "9 2 2 2",
  };
  const swatch = (entry) => {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const bar = entry.kind === "bar";
    const mark = document.createElementNS(svg.namespaceURI, bar ? "rect" : "line");
    const shape = bar ? { x: 1, y: 1, width: 12, height: 10 } : { x1: 0, y1: 6, x2: 24, y2: 6 };
    for (const [name, value] of Object.entries(shape)) mark.setAttribute(name, value);
    mark.style.stroke = `var(--c${entry.colour})`;
    mark.style.fill = bar && !entry.hollow ? mark.style.stroke : "none";
    mark.style.fillOpacity = 0.45;
    mark.style.strokeWidth = bar ? 1.5 : 3;
    if (!bar) mark.style.strokeDasharray = DASHES[entry.dash] ?? entry.dash.replaceAll("px", "");
    svg.setAttribute("width", bar ? 14 : 24);
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
      const button = element("button", { type: "button" }, swatch(entry), entry.label);
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
    spec.legend.forEach((entry, i) => buttons[i].setAttribute("aria-pressed", "true"));
    box.replaceChildren(...buttons);
    if (buttons.length > 3) {
      for (const [text, keys] of [["all", []], ["none", spec.legend.map((entry) => entry.key)]]) {
        const button = element("button", { type: "button", className: "all", textContent: text });
        button.addEventListener("click", () => {
          hidden.clear();
          keys.forEach((key) => hidden.add(key));
          show();
        });
        box.append(button);
      }
    }
  };

  // light and dark
  const toggle = document.getElementById("theme");
  const prefers = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : prefers.matches);
  const told = () => { toggle.textContent = isDark() ? "Light colours" : "Dark colours"; };
  toggle.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    told();
    redraw();
  });
  prefers.addEventListener("change", () => { told(); redraw(); });
  told();

  // on paper: all figures, in light colours, as wide as the page, and open what is not endless
  let before = null, opened = [];
  window.addEventListener("beforeprint", () => {
    before = root.dataset.theme ?? "";
    root.dataset.theme = "light";
    opened = [...document.querySelectorAll("details:not([open])")].filter((d) => !d.matches("figure *, .long"));
    for (const details of opened) details.open = true;
    for (const node of plots) {
      const height = Math.min(report.figures[node.dataset.figure].height, PRINT_HEIGHT);
      draw(node, { width: PRINT_WIDTH, height });
    }
  });
  window.addEventListener("afterprint", () => {
    if (before) root.dataset.theme = before;
    else delete root.dataset.theme;
    for (const details of opened) details.open = false;
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
      return [{ key: key.key, kind, reason: facts.reasons[reason], a: texts[0], b: texts[1] }];
    });
    found.sort((x, y) => x.kind - y.kind);
    const reasons = found.filter((d) => d.kind === 0).map((d) => `${d.key}: ${d.a} / ${d.b}`);
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
      const head = element("tr", {}, ...["Fact", "A", "B", "What that means"].map(
        (text) => element("th", { scope: "col", textContent: text })));
      const rows = found.filter((d) => d.kind < 2).map((d) => element("tr", {},
        element("th", { scope: "row", textContent: d.key }),
        element("td", { textContent: d.a }),
        element("td", { textContent: d.b }),
        element("td", { textContent: `${facts.kinds[d.kind]}: ${d.reason}` })));
      const harmless = found.filter((d) => d.kind === 2).map((d) => d.key).join(", ");
      const scroll = element("div", { className: "scroll wide", tabIndex: 0, role: "region", ariaLabel: "Differences" });
      if (rows.length) scroll.append(element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows)));
      answer.replaceChildren(
        element("p", { className: "verdict", textContent: verdict }),
        ...(ratio === null ? [] : [element("p", { textContent:
          `B / A: ${ratio.toFixed(4)}; whether the next runs would differ so is not known, as both are single runs` })]),
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
  const decoded = (text) => text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
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
