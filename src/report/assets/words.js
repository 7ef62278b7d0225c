// Small helpers: elements made of text (never of markup), numbers and times for people.
const data = JSON.parse(document.getElementById("data").textContent);

// An element with attributes and children; texts become text nodes.
function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") node.className = value;
    else if (name === "on") for (const [event, act] of Object.entries(value)) node.addEventListener(event, act);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat(2)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return node;
}

function bytes(value) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let unit = 0;
  while (value >= 999.5 && unit + 1 < units.length) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return value.toFixed(digits) + "\u00a0" + units[unit];
}

const number = new Intl.NumberFormat("en-US");
const count = (value) => number.format(value);
const plural = (value, noun) => count(value) + " " + noun + (value === 1 ? "" : "s");

function utc(second) {
  const text = new Date(second * 1000).toISOString();
  return text.slice(0, 10) + "\u00a0" + text.slice(11, 16);
}
const utcDay = (second) => new Date(second * 1000).toISOString().slice(0, 10);
const percent = (share) => (share >= 1 ? "100" : (Math.floor(share * 1000) / 10).toFixed(1)) + "\u00a0%";

// A chance such as one in 3 million, for people who do not think in bits.
function oneIn(p) {
  if (!(p > 0)) return "";
  const n = 1 / p;
  if (n < 1e6) return "about 1 in " + count(Math.max(1, Number(n.toPrecision(2))));
  const [size, word] = n < 1e9 ? [1e6, "million"] : [1e9, "billion"];
  return n >= 1e12 ? "less than 1 in 1,000 billion" : "about 1 in " + count(Number((n / size).toPrecision(2))) + " " + word;
}

const severity = (word) => el("span", { class: "sev " + word }, word);

const guarddutyWords = {
  agrees: "agrees",
  alone: "alone",
  silent: "silent",
  not_applicable: "cannot say",
  not_given: "not asked",
};
const guardduty = (status) => guarddutyWords[status] || status;

// Text to paste with a button that copies it.
function paste(text, what) {
  const pre = el("pre", {}, text);
  const said = el("span", { class: "sr", role: "status" });
  const button = el("button", { type: "button", "aria-label": "Copy " + what }, "Copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      // Without the clipboard the text is at least selected.
      const range = document.createRange();
      range.selectNodeContents(pre);
      const selection = getSelection();
      selection.removeAllRanges();
      selection.addRange(range);
      button.textContent = "Selected";
    }
    said.textContent = button.textContent;
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  return el("div", { class: "paste" }, pre, button, said);
}

// The value of a colour of the style sheet.
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();

// A line below a chart that says what the pointer is on, and how to set it.
function readout() {
  const node = el("p", { class: "readout", "aria-hidden": "true" }, "\u00a0");
  return [node, (text) => { node.textContent = text || "\u00a0"; }];
}

// What a colour of a chart means: an area, or a line.
const key = (name, text, line) => el("span", {}, el("i", { class: line ? name : name + " box" }), text);

// Turns the pages of a list. `draw(from, to)` shows some rows; call `show` when there are others.
function pager(what, size, draw) {
  let page = 0;
  let total = 0;
  let note = "";
  const status = el("span", { role: "status" });
  const button = (name, by) => el("button", { type: "button", "aria-label": name + " " + what, on: { click: () => {
    page += by;
    turn();
    bar.closest("section").scrollIntoView();
  } } }, name);
  const previous = button("Previous", -1);
  const next = button("Next", 1);
  const bar = el("div", { class: "pager" }, status, el("div", {}, previous, next));
  function turn() {
    const pages = Math.max(1, Math.ceil(total / size));
    page = Math.min(page, pages - 1);
    const from = page * size;
    const to = Math.min(from + size, total);
    previous.disabled = page === 0;
    next.disabled = page + 1 >= pages;
    status.textContent = (total ? count(from + 1) + " to " + count(to) + " of " + count(total) : "0") + note;
    draw(from, to);
  }
  // From the first page on; `after` follows the counts.
  const show = (rows, after) => {
    page = 0;
    total = rows;
    note = after;
    turn();
  };
  return { bar, show };
}
