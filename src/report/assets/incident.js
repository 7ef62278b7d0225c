// One incident: the answers first, then the picture, then the evidence.
function incidentView(incident) {
  const rows = filtered();
  const at = rows.indexOf(incident);
  const step = (by, name) => {
    const other = at < 0 ? null : rows[at + by];
    return el("button", { type: "button", disabled: !other, on: { click: () => { location.hash = link(other); } } }, name);
  };
  const verb = incident.role === "served" ? " served " : " sent ";
  return [
    el("div", { class: "crumbs" }, el("a", { href: "#incidents", id: "back" }, "\u2190 All incidents"), el("span", { class: "gap" }),
      at >= 0 ? el("span", { class: "muted small" }, count(at + 1) + " of " + count(rows.length)) : null, step(-1, "Previous"), step(1, "Next")),
    el("div", { class: "lede" },
      el("p", {}, severity(incident.severity), " ", el("span", { class: "muted" }, incident.told ? "told: " : "kept back: ", incident.told_why,
        incident.revision > 1 ? ", revision " + incident.revision : "", ", incident ", el("span", { class: "mono" }, incident.id))),
      el("h1", { tabindex: -1, id: "incident-h" }, incident.eni, verb, bytes(incident.egress_bytes), " to ", incident.peer),
      el("p", { class: "break" }, incident.sentence, ".")),
    el("div", { class: "two" }, answersPanel(incident), stepsPanel(incident)),
    incident.chart ? chartPanel(incident) : el("section", { class: "panel" }, el("h2", {}, "Egress over time"),
      el("p", { class: "hint" }, "No chart: ", data.counts.charted ? "only the " + count(data.counts.charted) + " worst incidents have one. " : "", "`outflow report LAKE --incident " + incident.id + "` draws it when the lake holds its hours.")),
    el("div", { class: "two" }, evidencePanel(incident), el("div", {}, guarddutyPanel(incident), quietPanel(incident))),
    destinationsPanel(incident),
    incident.chart && incident.chart.week.length ? weekPanel(incident) : null,
    queriesPanel(incident),
    trustPanel(incident),
  ];
}

const panel = (title, ...content) => el("section", { class: "panel" }, el("h2", {}, title), ...content);

function answersPanel(incident) {
  return panel("In short", el("dl", { class: "answers" }, incident.answers.map((a) => [el("dt", {}, a.question), el("dd", {}, a.answer)])));
}

function stepsPanel(incident) {
  return panel("What do I do now?", el("ol", { class: "steps" },
    incident.steps.map((step, at) => el("li", {}, step.text, step.command ? paste(step.command, "the command of step " + (at + 1)) : null))));
}

function chartPanel(incident) {
  const view = { scale: "log", span: "near" };
  const [spoken, say] = readout();
  const place = egressChart(incident, view, say);
  const choice = (key, value, name) => el("button", { type: "button", class: "seg", "aria-pressed": String(view[key] === value), on: { click: (event) => {
    view[key] = value;
    for (const other of event.target.parentNode.querySelectorAll("button")) other.setAttribute("aria-pressed", String(other === event.target));
    place.entry.redraw();
  } } }, name);
  say("");
  const c = incident.chart;
  const hasBand = c.high.length > 0;
  return panel("Egress over time",
    el("p", { class: "hint" }, "Bytes an hour above the transport layer, ", c.what, ", by UTC hour. ",
      hasBand ? "The band holds 95\u00a0% of this interface's " + count(c.history_hours) + " past hours, moved to what this hour of the week usually sees; it is what was known on the day of the incident."
        : "There is too little history for an expected band."),
    el("div", { class: "tools" },
      el("div", { role: "group", "aria-label": "Time shown" }, choice("span", "near", "Days around it"), " ", choice("span", "all", "Two weeks before")),
      el("div", { role: "group", "aria-label": "Scale" }, choice("scale", "log", "Log"), " ", choice("scale", "linear", "Linear"))),
    place, spoken,
    el("div", { class: "legend" }, key("c-sent", "sent in all", true), c.to_destination.length ? key("c-target", "of it to this destination") : null,
      hasBand ? [key("c-expected", "expected", true), key("c-band", "usual band")] : null, key("c-window", "the incident"),
      incident.guardduty.findings.length ? key("c-finding", "GuardDuty finding (above the plot)") : null),
    hoursTable(incident));
}

// The picture as numbers: the hours of the incident and those around them.
function hoursTable(incident) {
  const c = incident.chart;
  const first = Math.floor((incident.first_second - c.first_second) / hourSeconds);
  const last = Math.floor((incident.last_second - c.first_second) / hourSeconds);
  const rows = [];
  for (let at = Math.max(0, first - 3); at <= Math.min(c.sent.length - 1, last + 3, first + 30); at += 1) {
    rows.push(el("tr", {}, el("td", {}, utc(c.first_second + at * hourSeconds), at >= first && at <= last ? " \u25c0" : ""),
      el("td", { class: "num" }, c.sent[at] === null ? "not seen" : bytes(c.sent[at])),
      c.to_destination.length ? el("td", { class: "num" }, bytes(c.to_destination[at])) : null,
      c.high.length ? [el("td", { class: "num" }, bytes(c.expected[at])), el("td", { class: "num" }, bytes(c.low[at]), " to ", bytes(c.high[at]))] : null));
  }
  const th = (text, num) => el("th", { scope: "col", class: num ? "num" : null }, text);
  return el("details", {}, el("summary", {}, "Numbers"), el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Hours of the incident" }, el("table", {},
    el("thead", {}, el("tr", {}, th("Hour (UTC)"), th("Sent", true), c.to_destination.length ? th("To this destination", true) : null,
      c.high.length ? [th("Expected", true), th("Usual band", true)] : null)), el("tbody", {}, rows))));
}

function evidencePanel(incident) {
  const full = Math.max(20, incident.score, ...incident.evidence.map((e) => e.bits));
  const bar = (bits, kind, mark) => {
    const fill = el("div", { class: "fill " + kind });
    fill.style.width = Math.max(0, Math.min(100, (100 * bits) / full)) + "%";
    const track = el("div", { class: "track" }, fill);
    if (mark !== null && mark !== undefined) {
      const line = el("div", { class: "mark" });
      line.style.left = Math.min(100, (100 * mark) / full) + "%";
      track.append(line);
    }
    return track;
  };
  const rows = incident.evidence.map((e) => el("li", {},
    el("div", { class: "row" }, el("span", {}, e.name || e.id, el("span", { class: "muted" }, e.name ? " " + e.id : "")), el("span", { class: "nowrap" }, e.bits.toFixed(1), " bits")),
    bar(e.bits, e.id === "GD" ? "gd" : "", null),
    el("div", { class: "break" }, e.text),
    el("div", { class: "muted small" }, "saw ", e.observed, ", expected ", e.expected, "; chance ", oneIn(e.p), e.n ? "; from " + plural(e.n, "past value") : "")));
  if (incident.guardduty.bits > 0 && incident.guardduty.status !== "alone") {
    rows.push(el("li", {}, el("div", { class: "row" }, el("span", {}, "GuardDuty"), el("span", { class: "nowrap" }, incident.guardduty.bits.toFixed(1), " bits")), bar(incident.guardduty.bits, "gd", null)));
  }
  return panel("Evidence",
    el("p", { class: "hint" }, "In bits: 10 are a chance of 1 in 1,000, 20 of 1 in a million. The strongest kind counts in full, the others by half, and much data or GuardDuty adds to it."),
    el("ul", { class: "bits" },
      el("li", {}, el("div", { class: "row" }, el("span", {}, "Risk in all"), el("span", { class: "nowrap" }, incident.score.toFixed(1), " bits")),
        bar(incident.score, "sum", incident.threshold),
        el("div", { class: "muted small" }, incident.threshold === null ? "no threshold yet: the budget has no past" : "threshold of the alert budget: " + incident.threshold.toFixed(1) + " bits (the mark)")),
      rows));
}

function guarddutyPanel(incident) {
  const g = incident.guardduty;
  return panel("GuardDuty: " + guardduty(g.status),
    el("p", { class: "hint" }, incident.answers[incident.answers.length - 1].answer, "."),
    g.findings.length ? el("ul", { class: "bits" }, g.findings.map((f) => el("li", {},
      el("div", { class: "row" }, el("span", { class: "break" }, f.kind), el("span", { class: "nowrap" }, "severity ", f.severity.toFixed(1))),
      el("div", { class: "break" }, f.reason, "; ", f.bits.toFixed(1), " bits"),
      el("div", { class: "muted small break" }, utc(f.first_second), " to ", utc(f.last_second), " UTC; ", f.arn)))) : null,
    g.findings_more ? el("p", { class: "muted" }, "and ", count(g.findings_more), " more") : null);
}

function quietPanel(incident) {
  return panel("What would have kept it quiet",
    incident.counterfactuals.length ? el("ul", {}, incident.counterfactuals.map((text) => el("li", { class: "break" }, text)))
      : el("p", { class: "hint" }, "Nothing that can be told: less volume alone would not have."));
}

function destinationsPanel(incident) {
  const rows = incident.destinations.map((d) => el("tr", {},
    el("td", { class: "mono wide break" }, d.peer), el("td", {}, d.service), el("td", {}, d.role),
    el("td", { class: "wide" }, d.first_second === null ? d.first_note : utcDay(d.first_second)),
    el("td", { class: "num", "data-label": "Sent" }, bytes(d.egress_bytes)), el("td", { class: "num", "data-label": "Received" }, bytes(d.ingress_bytes))));
  const th = (text, num) => el("th", { scope: "col", class: num ? "num" : null }, text);
  return panel("Destinations",
    el("p", { class: "hint" }, "Counted as ", el("span", { class: "mono" }, incident.destination === "*" ? "many destinations" : incident.destination || incident.peer), incident.aws_service ? ", AWS service " + incident.aws_service : "",
      ". First used: when this interface's baseline first met the network, within its 28 days."),
    el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Table of destinations" }, el("table", { class: "cards" },
      el("thead", {}, el("tr", {}, th("Peer"), th("Service"), th("Role"), th("First used"), th("Sent", true), th("Received", true))), el("tbody", {}, rows))),
    incident.destinations_more ? el("p", { class: "muted" }, "and ", count(incident.destinations_more), " more") : null);
}

const weekdays = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

function weekPanel(incident) {
  const week = incident.chart.week;
  const logs = week.map((v) => Math.log2(1 + v / 1024));
  const [low, high] = [Math.min(...logs), Math.max(...logs)];
  const level = (v) => (high - low < 0.5 ? 2 : 1 + Math.min(4, Math.floor((5 * (v - low)) / (high - low))));
  const marked = new Set();
  for (let at = Math.floor(incident.first_second / hourSeconds); at <= Math.floor(incident.last_second / hourSeconds) && marked.size < 168; at += 1) {
    // Hour 0 since the epoch was Thursday, 00:00.
    marked.add((at + 3 * 24) % 168);
  }
  const name = (at) => weekdays[Math.floor(at / 24)] + " " + String(at % 24).padStart(2, "0") + ":00";
  const peak = week.indexOf(Math.max(...week));
  const calm = week.indexOf(Math.min(...week));
  const rows = weekdays.map((day, d) => el("tr", {}, el("th", {}, day),
    week.slice(d * 24, d * 24 + 24).map((v, h) => el("td", { class: "l" + level(logs[d * 24 + h]) + (marked.has(d * 24 + h) ? " at" : ""), title: name(d * 24 + h) + ", usually " + bytes(v) }))));
  const head = el("tr", {}, el("th", {}), Array.from({ length: 24 }, (_, h) => el("th", {}, h % 6 === 0 ? String(h).padStart(2, "0") : "")));
  const text = "Usually least on " + name(calm) + " (" + bytes(week[calm]) + "), most on " + name(peak) + " (" + bytes(week[peak]) + ").";
  return panel("What a week of this interface looks like",
    el("p", { class: "hint" }, "Expected egress by hour of the week, UTC; darker is more, the incident's hours are outlined. ", text),
    el("div", { role: "img", "aria-label": "Expected egress by hour of the week. " + text }, el("table", { class: "week", role: "presentation" }, el("tbody", {}, head, rows))));
}

function queriesPanel(incident) {
  return panel("The rows behind it",
    incident.queries.length ? incident.queries.map((q) => [el("h3", {}, q.text), paste(q.command, "the query for " + q.text)])
      : el("p", { class: "hint" }, "No query is offered: the ids hold characters that do not belong into one."));
}

function trustPanel(incident) {
  return panel("How it was seen",
    el("ul", {}, incident.trust.map((line) => el("li", { class: "break" }, line)), incident.attack.length ? el("li", {}, "MITRE ATT&CK: ", incident.attack.join(", ")) : null,
      incident.other_enis.length ? el("li", { class: "break" }, "Also at: ", incident.other_enis.join(", ")) : null));
}
