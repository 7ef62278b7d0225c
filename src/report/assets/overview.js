// The first screen: the report in words, counts, the list, the fleet, and how much was seen.
function overview() {
  const c = data.counts;
  const words = ["LOW", "MEDIUM", "HIGH", "CRITICAL"];
  const tile = (content, text) => el("li", {}, el("div", { class: "tile" }, el("b", {}, content), el("span", {}, text)));
  const seen = data.coverage;
  return [
    el("div", { class: "lede", id: "overview" },
      el("h1", {}, data.headline),
      data.summary ? el("p", { class: "break" }, data.summary) : null,
      el("p", { class: "muted" }, data.looked_at)),
    el("ul", { class: "tiles" },
      [3, 2, 1, 0].map((at) => el("li", {}, el("div", { class: "tile" }, el("b", {}, count(c.told[at])), severityName(words[at])))),
      tile(count(c.kept_back), "kept back"),
      tile(percent(seen.seen_share), "could be seen")),
    incidentList(),
    fleetPanel(),
    coveragePanel(),
    readingPanel(),
  ];
}

const severityName = (word) => el("span", {}, el("span", { class: "sev " + word }, word));

const heatRows = 40;

// Who sent when, a page of interfaces at a time.
function heatPanel(f) {
  const [text, say] = readout();
  const heat = heatChart(f, say);
  let rows = [];
  const pages = pager("interfaces", heatRows, (from, to) => heat.show(rows.slice(from, to)));
  const more = f.heat_more ? "; " + count(f.heat_more) + " that sent less are not in this file" : "";
  const find = (wanted) => {
    rows = f.heat.filter((row) => row.eni.includes(wanted) || row.account.includes(wanted));
    heat.place.hidden = rows.length === 0;
    pages.show(rows.length, (rows.length ? "" : " of " + count(f.heat.length)) + more);
  };
  find("");
  const search = el("input", { type: "search", id: "heat-search", placeholder: "interface, account \u2026", on: { input: (event) => find(event.target.value.trim()) } });
  return el("section", { class: "panel", "aria-labelledby": "heat-h" },
    el("h2", { id: "heat-h" }, "Who sent when"),
    el("p", { class: "hint" }, "All bytes that an interface sent, by UTC hour, ", f.heat_hours >= 336 ? "the last two weeks; " : "", "darker is more (logarithmic). Those with incidents come first, then the largest senders."),
    f.heat.length > heatRows ? el("div", { class: "tools" }, el("label", { class: "grow" }, "Search", search)) : null,
    heat.place, text,
    el("div", { class: "legend" }, key("c-heat", "much"), key("c-unseen", "no flow logs")),
    f.heat.length > heatRows || more ? pages.bar : null);
}

function fleetPanel() {
  const f = data.fleet;
  const [newText, sayNew] = readout();
  return el("section", { id: "fleet", "aria-label": "Fleet" },
    f.heat.length ? heatPanel(f) : null,
    f.new_destinations.length ? panel("New destinations by day",
      el("p", { class: "hint" }, "Networks that an interface used for the first time in the 28 days that baselines remember, also those that raised an incident. The last day reported is not among them yet."),
      newDestinationsChart(f.new_destinations, sayNew), newText,
      el("div", { class: "legend" }, key("c-a", "new to the whole account"), key("c-b", "new to the interface, known to others"), key("c-c", "new range of a network in use"))) : null,
    f.headroom ? headroomPanel(f.headroom) : null);
}

// What could have left without a message, as a backtest measured it.
function headroomPanel(h) {
  const rows = h.most.map((row) => el("tr", {}, el("td", { class: "mono break wide" }, row.eni), el("td", {}, row.tier),
    el("td", { class: "num", "data-label": "To a new one" }, bytes(row.new_bytes)),
    el("td", { class: "num", "data-label": "To a known one" }, row.known_bytes === null ? "\u2013" : bytes(row.known_bytes)), el("td", { class: "mono break wide" }, row.known_destination)));
  const th = (text, num) => el("th", { scope: "col", class: num ? "num" : null }, text);
  return panel("What could leave unseen",
    el("p", { class: "hint" }, "Silent-leak headroom on ", utcDay(h.day_second), ": the most that could leave in a day without a message. Half of ", plural(h.hosts, "interface"), " could lose no more than ",
      bytes(h.median_new_bytes), " to a new destination, nine of ten no more than ", bytes(h.p90_new_bytes), "."),
    el("details", {}, el("summary", {}, "Those that could lose most"), el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Table of headroom" }, el("table", { class: "cards" },
      el("thead", {}, el("tr", {}, th("Interface"), th("Baseline"), th("A day, to a new destination", true), th("A day, to a known one", true), th("The known one"))), el("tbody", {}, rows)))));
}

function coveragePanel() {
  const s = data.coverage;
  const fact = (name, value) => el("div", {}, el("dt", {}, name), el("dd", {}, value));
  const meter = el("i", {});
  meter.style.width = Math.min(100, 100 * s.seen_share) + "%";
  const gaps = s.gaps.map((gap) => el("tr", {}, el("td", { class: "break" }, gap.account, " ", gap.region), el("td", {}, utc(gap.from_second)), el("td", { class: "num" }, count(gap.hours))));
  return el("section", { id: "coverage", class: "panel", "aria-labelledby": "coverage-h" },
    el("h2", { id: "coverage-h" }, "How much was seen"),
    el("p", { class: "hint" }, data.looked_at),
    el("div", { class: "meter", "aria-hidden": "true" }, meter),
    el("dl", { class: "facts" },
      fact("hours with flow logs", count(s.hours_seen) + " of " + count(s.hours)),
      fact("gaps", count(s.gaps.length + s.gaps_more)),
      fact("five-minute objects missing", count(s.missing_objects)),
      fact("records lost by AWS (SKIPDATA)", count(s.skip_data_records)),
      fact("records too late for their hour", count(s.late_records)),
      fact("records without a direction", count(s.direction_unknown_records)),
      fact("records", count(s.records)),
      fact("interface-hours", count(s.eni_hours)),
      fact("interface-hours rolled up (too many peers)", count(s.rolled_up_eni_hours)),
      fact("interfaces", count(s.enis)),
      fact("still learning (under 3 days)", count(s.enis_learning)),
      fact("young (3 to 14 days)", count(s.enis_young)),
      fact("relays, not judged", count(s.relays)),
      fact("sent by hosts, in all", bytes(s.egress_bytes))),
    gaps.length ? el("details", { open: gaps.length <= 8 }, el("summary", {}, plural(s.gaps.length + s.gaps_more, "gap") + " in the logs"),
      el("p", { class: "muted small" }, "Hours without a single record of an account and region. Nothing can be said of them; an attacker can turn logs off."),
      el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Table of gaps" }, el("table", {}, el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Account"), el("th", { scope: "col" }, "From (UTC)"), el("th", { scope: "col", class: "num" }, "Hours"))), el("tbody", {}, gaps))),
      s.gaps_more ? el("p", { class: "muted" }, "and ", count(s.gaps_more), " shorter ones") : null) : null,
    el("p", { class: "hint" }, "Lines that could not be read and objects that failed are not in a lake: `outflow scan` names them, by reason, when it ends."));
}

function readingPanel() {
  const term = (name, text) => [el("dt", {}, name), el("dd", {}, text)];
  return el("section", { class: "panel" }, el("h2", {}, "How to read this"),
    el("dl", { class: "answers" },
      term("Incident", "What one interface sent to one destination on one UTC day, when it stood out. A destination is a network, an AWS service, or a prefix that you named."),
      term("Bits", "Evidence as a chance: n bits are one in 2 to the n. 10 bits are 1 in 1,000, 20 bits 1 in a million."),
      term("Told, kept back", "An alert budget, so many incidents a day, sets the threshold from the past. HIGH is always told; the rest below the threshold is kept back, and is here with the reason."),
      term("Learning", "An interface seen for less than three days has no past to compare with; only what is HIGH is told of it."),
      term("GuardDuty", "\u201cagrees\u201d: a finding was joined. \u201csilent\u201d: findings were given, none is about it. \u201ccannot say\u201d: IPv6. \u201cnot asked\u201d: no findings were given. \u201calone\u201d: only GuardDuty speaks."),
      term("What this cannot see", "What is inside a connection, traffic that AWS does not log, and a thief who stays below what the host always does.")));
}
