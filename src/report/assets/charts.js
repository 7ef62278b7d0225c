// Charts by uPlot. Each is a function that draws itself anew: for another width or theme.
const drawn = new Set();
const hourSeconds = 3600;

// Keeps a chart drawn while its place is on the page.
function chart(label, draw) {
  const place = el("div", { class: "chart", role: "img", "aria-label": label });
  const entry = { place, plot: null, width: 0, draw };
  entry.redraw = () => {
    const width = Math.floor(place.clientWidth);
    if (!place.isConnected || width < 40) return;
    entry.width = width;
    if (entry.plot) entry.plot.destroy();
    entry.plot = draw(place, width);
  };
  new ResizeObserver(() => {
    if (Math.floor(place.clientWidth) !== entry.width) entry.redraw();
  }).observe(place);
  drawn.add(entry);
  place.entry = entry;
  return place;
}

function redrawCharts() {
  for (const entry of drawn) entry.redraw();
}

// Charts of a view that is left.
function forgetCharts(view) {
  for (const entry of drawn) {
    if (!view.contains(entry.place)) continue;
    if (entry.plot) entry.plot.destroy();
    drawn.delete(entry);
  }
}

const utcDate = (second) => uPlot.tzDate(new Date(second * 1000), "Etc/UTC");
const font = "11px system-ui, -apple-system, Segoe UI, Roboto, sans-serif";

function axis(more) {
  return Object.assign({
    stroke: colour("muted"), font,
    grid: { stroke: colour("line"), width: 1 },
    ticks: { stroke: colour("line"), width: 1, size: 4 },
  }, more);
}

// Days, and hours where there is room for them; all UTC.
const timeAxis = (more) => axis(Object.assign({
  space: 72, size: 40,
  values: [
    [86400, "{YYYY}-{MM}-{DD}", null, null, null, null, null, null, 1],
    [3600, "{HH}:{mm}", "\n{YYYY}-{MM}-{DD}", null, "\n{YYYY}-{MM}-{DD}", null, null, null, 1],
    [60, "{HH}:{mm}", "\n{YYYY}-{MM}-{DD}", null, "\n{YYYY}-{MM}-{DD}", null, null, null, 1],
  ],
}, more));

const floorBytes = 1024;

// Readable steps from 1 KiB up, as few as the range needs.
function logSteps(least, most) {
  for (const factor of [2, 4, 8, 32, 1024]) {
    const steps = [];
    for (let at = floorBytes; at <= most; at *= factor) if (at >= least) steps.push(at);
    if (steps.length <= 6) return steps;
  }
  return [least];
}

// A round step in binary units that gives about four lines.
function linearSteps(most) {
  let step = 1;
  while (step * 4 < most) step *= 2;
  const steps = [];
  for (let at = 0; at <= most * 1.01; at += step) steps.push(at);
  return steps;
}

// Egress against the expected band, with the incident's time and GuardDuty's findings.
function egressChart(incident, view, say) {
  const c = incident.chart;
  const hours = c.sent.length;
  const times = Array.from({ length: hours }, (_, at) => c.first_second + at * hourSeconds);
  const hasBand = c.high.length === hours;
  const hasTarget = c.to_destination.length === hours;
  const spans = incident.guardduty.findings.map((f) => [f.first_second, Math.max(f.last_second, f.first_second + hourSeconds)]);
  const from = Math.floor(incident.first_second / hourSeconds) * hourSeconds;
  const to = Math.ceil((incident.last_second + 1) / hourSeconds) * hourSeconds;
  const label = "Egress by hour of " + incident.eni + ", " + utcDay(times[0]) + " to " + utcDay(times[hours - 1] || times[0]) +
    "; the incident is at " + utc(incident.first_second) + " UTC. The numbers are in the table below.";
  return chart(label, (place, width) => {
    const onLog = view.scale === "log";
    const up = (list) => list.map((v) => (v === null ? null : onLog ? Math.max(v, floorBytes) : v));
    const none = new Array(hours).fill(null);
    const values = [times, up(hasBand ? c.high : none), up(hasBand ? c.low : none), up(hasBand ? c.expected : none),
      up(hasTarget ? c.to_destination.map((v) => v || null) : none), up(c.sent)];
    const known = c.low.concat(c.sent).filter((v) => v);
    const least = Math.max(floorBytes, 2 ** Math.floor(Math.log2(Math.min(...known, 2 ** 40) / 4)));
    const stepped = uPlot.paths.stepped({ align: 1 });
    const line = (stroke, more) => Object.assign({ stroke: colour(stroke), width: 1.5, paths: stepped, points: { show: false } }, more);
    const most = Math.max(floorBytes * 4, ...values.slice(1).flat().filter((v) => v !== null));
    const range = view.span === "near" ? [from - 36 * hourSeconds, Math.min(to + 24 * hourSeconds, times[hours - 1] + hourSeconds)] : [times[0], times[hours - 1] + hourSeconds];
    const options = {
      width, height: width < 500 ? 220 : 300, tzDate: utcDate, padding: [14, 24, 0, 0],
      legend: { show: false },
      cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
      scales: {
        x: { time: true, range },
        y: { distr: onLog ? 3 : 1, log: 2, range: onLog ? [least, most * 1.6] : [0, most * 1.08] },
      },
      axes: [timeAxis({ grid: { show: false } }), axis({
        size: 62,
        splits: () => (onLog ? logSteps(least, most * 1.6) : linearSteps(most)),
        filter: (_, splits) => splits,
        values: (_, splits) => splits.map((v) => (onLog && v === floorBytes ? "\u2264 1 KiB" : v === 0 ? "0" : bytes(v))),
      })],
      series: [{}, line("band", { width: 0 }), line("band", { width: 0 }), line("expected", { dash: [4, 3] }),
        line("target", { width: 0, fill: colour("target"), paths: uPlot.paths.bars({ size: [1], align: 1 }) }), line("sent", { width: 1.25 })],
      bands: [{ series: [1, 2], fill: colour("band") }],
      hooks: {
        drawClear: [(u) => span(u, from, to, "window", u.bbox.top, u.bbox.height)],
        draw: [(u) => spans.forEach(([a, b]) => span(u, a, b, "finding", u.bbox.top - 9 * devicePixelRatio, 6 * devicePixelRatio))],
        setCursor: [(u) => {
          const at = u.cursor.idx;
          if (at === null || at === undefined) return say("");
          say(utc(times[at]) + " UTC: " + (c.sent[at] === null ? "nothing could be seen" : bytes(c.sent[at]) + " " + c.what) +
            (hasTarget && c.to_destination[at] ? ", " + bytes(c.to_destination[at]) + " of it to " + (incident.destination || incident.peer) : "") +
            (hasBand ? "; expected " + bytes(c.expected[at]) + ", usually " + bytes(c.low[at]) + " to " + bytes(c.high[at]) : ""));
        }],
      },
    };
    return new uPlot(options, values, place);
  });
}

// A stretch of time as a filled box, cut to what is shown.
function span(u, from, to, name, top, height) {
  const left = u.bbox.left;
  const right = left + u.bbox.width;
  const a = Math.max(left, u.valToPos(from, "x", true));
  const b = Math.min(right, u.valToPos(to, "x", true));
  if (b <= left || a >= right) return;
  u.ctx.save();
  u.ctx.fillStyle = colour(name);
  u.ctx.fillRect(a, top, Math.max(b - a, 3 * devicePixelRatio), height);
  u.ctx.restore();
}

// Who sent when: one row an interface, one column an hour. Starts empty; `show` draws some rows, and
// all of them are shaded alike.
function heatChart(fleet, say) {
  let rows = [];
  const hours = fleet.heat_hours;
  const first = fleet.heat_first_second;
  const times = Array.from({ length: hours }, (_, at) => first + at * hourSeconds);
  const all = fleet.heat.flatMap((row) => row.sent.filter((v) => v));
  const logs = all.map((v) => Math.log2(v)).sort((a, b) => a - b);
  const low = logs[Math.floor(logs.length * 0.02)] || 0;
  const high = logs[Math.floor(logs.length * 0.995)] || 1;
  const shade = (v) => 0.06 + 0.94 * Math.min(1, Math.max(0, (Math.log2(v) - low) / Math.max(1, high - low)));
  const place = chart("", (place, width) => {
    const short = width < 700;
    const name = (row) => (short ? "\u2026" + row.eni.slice(-6) : row.eni.length > 24 ? row.eni.slice(0, 23) + "\u2026" : row.eni);
    const paint = (u) => {
      const { ctx, bbox } = u;
      const cell = bbox.width / hours;
      const height = bbox.height / rows.length;
      const rgb = colour("heat");
      ctx.save();
      rows.forEach((row, y) => {
        const top = bbox.top + y * height;
        for (let at = 0; at < hours; at += 1) {
          const v = row.sent[at];
          ctx.fillStyle = v === null ? colourOfUnseen : "rgb(" + rgb + " / " + (v > 0 ? shade(v) : 0.03) + ")";
          ctx.fillRect(bbox.left + at * cell, top, Math.ceil(cell), height - 1);
        }
      });
      ctx.restore();
    };
    const colourOfUnseen = colour("unseen");
    const options = {
      width, height: rows.length * 17 + 30, tzDate: utcDate, padding: [4, 32, 0, 0],
      legend: { show: false },
      cursor: { points: { show: false }, drag: { x: false, y: false } },
      scales: { x: { time: true, range: [first, first + hours * hourSeconds] }, y: { range: [0, rows.length], dir: -1 } },
      axes: [timeAxis({ grid: { show: false }, size: 26 }), axis({
        size: short ? 62 : 168, grid: { show: false }, ticks: { show: false }, gap: 4,
        splits: () => rows.map((_, y) => y + 0.5), filter: (_, splits) => splits,
        values: (_, splits) => splits.map((y) => name(rows[Math.floor(y)])),
      })],
      series: [{}, { paths: () => null, points: { show: false } }],
      hooks: {
        draw: [paint],
        setCursor: [(u) => {
          const { left, top } = u.cursor;
          if (left === null || left < 0) return say("");
          const row = rows[Math.floor(u.posToVal(top, "y"))];
          const at = Math.floor((u.posToVal(left, "x") - first) / hourSeconds);
          if (!row || at < 0 || at >= hours) return say("");
          const v = row.sent[at];
          say(row.eni + ", " + utc(times[at]) + " UTC: " + (v === null ? "nothing was seen" : bytes(v) + " sent") + (row.told ? "; " + plural(row.told, "incident") + " told" : ""));
        }],
      },
    };
    return new uPlot(options, [times, times.map(() => 0)], place);
  });
  const show = (some) => {
    rows = some;
    place.setAttribute("aria-label", "Bytes sent by " + plural(rows.length, "interface") + ", hour by hour; those with incidents first");
    place.entry.redraw();
  };
  return { place, show };
}

// New destinations a day, stacked by how new they are.
function newDestinationsChart(days, say) {
  const times = days.map((d) => d.day_second);
  const tall = days.map((d) => d.to_all + d.to_eni + d.in_known_network);
  const middle = days.map((d) => d.to_all + d.to_eni);
  const low = days.map((d) => d.to_all);
  const label = "New destinations by day, " + utcDay(times[0]) + " to " + utcDay(times[times.length - 1]);
  return chart(label, (place, width) => {
    const bars = uPlot.paths.bars({ size: [0.7, 40] });
    const bar = (name) => ({ paths: bars, fill: colour(name), stroke: colour(name), width: 0, points: { show: false } });
    const options = {
      width, height: 190, tzDate: utcDate, padding: [8, 12, 0, 0],
      legend: { show: false },
      cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
      scales: { x: { time: true, range: [times[0] - 43200, times[times.length - 1] + 43200] }, y: { range: [0, Math.max(4, ...tall) * 1.1] } },
      axes: [timeAxis({ grid: { show: false }, size: 26 }), axis({ size: 48, values: (_, splits) => splits.map((v) => (Number.isInteger(v) ? count(v) : "")) })],
      series: [{}, bar("bar-c"), bar("bar-b"), bar("bar-a")],
      hooks: {
        setCursor: [(u) => {
          const d = days[u.cursor.idx];
          say(d ? utcDay(d.day_second) + ": " + d.to_all + " new to the account, " + d.to_eni + " new to an interface and known to others, " + d.in_known_network + " in a network already used" : "");
        }],
      },
    };
    return new uPlot(options, [times, tall, middle, low], place);
  });
}
