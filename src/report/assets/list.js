// The incident list: filtered, sorted and paged here, so that 5,000 rows cost no more than 25.
const pageRows = 25;
const list = { text: "", severity: 0, told: "told", guardduty: "", key: "worst", down: true };

const columns = [
  { key: "rank", name: "Severity", down: true },
  { key: "first_second", name: "When (UTC)", down: true },
  { key: "eni", name: "From", down: false },
  { key: "peer", name: "To", down: false },
  { key: "egress_bytes", name: "Sent", down: true, num: true },
  { key: "score", name: "Bits", down: true, num: true },
  { key: "gd", name: "GuardDuty", down: false },
  { key: "told_why", name: "Told", down: false },
];

// What the search looks through, made once.
const haystacks = data.incidents.map((incident) => [
  incident.id, incident.eni, incident.account, incident.region, incident.peer, incident.destination, incident.service,
  incident.aws_service, incident.known, incident.severity, ...incident.other_enis, ...incident.place, ...incident.attack,
  ...incident.evidence.map((evidence) => evidence.id),
].join("\n").toLowerCase());

function filtered() {
  const words = list.text.toLowerCase().split(/\s+/).filter(Boolean);
  const rows = [];
  data.incidents.forEach((incident, at) => {
    if (incident.rank < list.severity) return;
    if (list.told !== "all" && incident.told !== (list.told === "told")) return;
    if (list.guardduty && incident.guardduty.status !== list.guardduty) return;
    if (!words.every((word) => haystacks[at].includes(word))) return;
    rows.push(incident);
  });
  // They come worst first.
  if (list.key !== "worst") {
    const value = (incident) => (list.key === "gd" ? guardduty(incident.guardduty.status) : incident[list.key]);
    const sign = list.down ? -1 : 1;
    rows.sort((a, b) => {
      const [x, y] = [value(a), value(b)];
      return sign * (x < y ? -1 : x > y ? 1 : 0);
    });
  }
  return rows;
}

const link = (incident) => "#incident=" + encodeURIComponent(incident.id);

function incidentRow(incident) {
  const to = [incident.service, incident.aws_service, incident.destination && incident.destination !== "*" ? "as " + incident.destination : "", incident.known].filter(Boolean).join(", ");
  const verb = incident.role === "served" ? "served to " : "";
  return el("tr", { on: { click: (event) => {
    if (!event.target.closest("a") && !String(getSelection())) location.hash = link(incident);
  } } },
  el("td", {}, severity(incident.severity)),
  el("td", { class: "nowrap" }, utc(incident.first_second)),
  el("td", { class: "main wide" }, el("a", { href: link(incident), class: "mono" }, incident.eni),
    el("span", { class: "sub" }, incident.other_enis.length ? "and " + plural(incident.other_enis.length, "more interface") : incident.place[0] || incident.account)),
  el("td", { class: "main wide" }, el("span", { class: "mono" }, verb, incident.peer), el("span", { class: "sub" }, to)),
  el("td", { class: "num", "data-label": "Sent" }, bytes(incident.egress_bytes)),
  el("td", { class: "num", "data-label": "Bits" }, incident.score.toFixed(1)),
  el("td", { "data-label": "GuardDuty" }, guardduty(incident.guardduty.status)),
  el("td", { "data-label": "Told" }, incident.told ? "yes" : "kept back", el("span", { class: "sub" }, incident.told_why)));
}

function incidentList() {
  const body = el("tbody", {});
  const head = el("tr", {});
  let rows = [];
  const pages = pager("incidents", pageRows, (from, to) => body.replaceChildren(...rows.slice(from, to).map(incidentRow)));
  const empty = el("p", { class: "empty", hidden: true });

  function show() {
    rows = filtered();
    const unfit = rows.length ? "" : " of " + count(data.incidents.length);
    const more = data.counts.not_listed ? "; " + count(data.counts.not_listed) + " weaker ones are not in this file" : "";
    pages.show(rows.length, unfit + more);
    empty.hidden = rows.length > 0;
    empty.textContent = data.incidents.length ? "No incident fits these filters." : "No incident. " + data.looked_at;
    for (const th of head.children) {
      const on = th.dataset.key === list.key;
      th.setAttribute("aria-sort", on ? (list.down ? "descending" : "ascending") : "none");
    }
  }
  function changed(key) {
    return (event) => {
      list[key] = key === "severity" ? Number(event.target.value) : event.target.value;
      show();
    };
  }
  for (const column of columns) {
    const button = el("button", { type: "button", on: { click: () => {
      list.down = list.key === column.key ? !list.down : column.down;
      list.key = column.key;
      show();
    } } }, column.name);
    head.append(el("th", { scope: "col", class: column.num ? "num" : null, "data-key": column.key }, button));
  }
  const select = (name, key, options) => el("label", {}, name, el("select", { id: "by-" + key, on: { change: changed(key) } },
    options.map(([value, text]) => el("option", { value, selected: String(list[key]) === String(value) }, text))));
  const search = el("input", { type: "search", id: "search", value: list.text, placeholder: "interface, address, account, port, T1048 …", on: { input: changed("text") } });
  const section = el("section", { id: "incidents", class: "panel long", "aria-labelledby": "incidents-h" },
    el("h2", { id: "incidents-h" }, "Incidents"),
    el("p", { class: "hint" }, "One for each interface, destination and day. Worst first; a column's name sorts by it, a row opens it."),
    el("div", { class: "tools" },
      el("label", { class: "grow" }, "Search", search),
      select("Severity", "severity", [[0, "all"], [2, "MEDIUM and up"], [3, "HIGH and up"], [4, "CRITICAL"]]),
      select("Told", "told", [["told", "told"], ["kept", "kept back"], ["all", "all"]]),
      select("GuardDuty", "guardduty", [["", "any"]].concat(Object.entries(guarddutyWords)))),
    el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Table of incidents" },
      el("table", { class: "list cards" }, el("thead", {}, head), body)),
    empty,
    pages.bar);
  show();
  return section;
}
