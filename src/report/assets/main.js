// Which view is shown, the theme, and printing.
const root = document.documentElement;
const home = document.getElementById("home");
const detail = document.getElementById("detail");
const themeButton = document.getElementById("theme");

function setTheme(name) {
  root.dataset.theme = name;
  themeButton.textContent = name === "dark" ? "Light" : "Dark";
  themeButton.setAttribute("aria-label", name === "dark" ? "Switch to light colours" : "Switch to dark colours");
  themeButton.setAttribute("aria-pressed", String(name === "dark"));
  redrawCharts();
}

// What was chosen last, where the browser keeps it for files.
function remembered(value) {
  try {
    if (value) localStorage.setItem("outflow-theme", value);
    return localStorage.getItem("outflow-theme");
  } catch {
    return null;
  }
}

themeButton.addEventListener("click", () => {
  const next = root.dataset.theme === "dark" ? "light" : "dark";
  remembered(next);
  setTheme(next);
});

// Paper is white.
let themeOnScreen = "light";
addEventListener("beforeprint", () => {
  themeOnScreen = root.dataset.theme;
  if (themeOnScreen !== "light") setTheme("light");
});
addEventListener("afterprint", () => {
  if (themeOnScreen !== root.dataset.theme) setTheme(themeOnScreen);
});

function route() {
  const hash = location.hash.slice(1);
  const id = hash.startsWith("incident=") ? decode(hash.slice("incident=".length)) : null;
  const incident = id === null ? null : data.incidents.find((one) => one.id === id);
  const wasDetail = !detail.hidden;
  forgetCharts(detail);
  detail.replaceChildren();
  if (incident) {
    home.hidden = true;
    detail.hidden = false;
    detail.append(...incidentView(incident).filter(Boolean));
    document.title = incident.eni + " - outflow report";
    scrollTo(0, 0);
    document.getElementById("incident-h").focus({ preventScroll: true });
    return;
  }
  detail.hidden = true;
  home.hidden = false;
  document.title = "outflow report";
  const target = hash && document.getElementById(hash);
  if (target) target.scrollIntoView();
  else if (wasDetail) scrollTo(0, 0);
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault();
  document.getElementById("main").focus();
});
setTheme(remembered() || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"));
home.append(...overview().filter(Boolean));
document.getElementById("foot").textContent = "Written by outflow " + data.version + " from a lake of " + utcDay(data.from_second) + " to " + utcDay(data.to_second - 1) +
  ". All times are UTC. Sizes are binary: 1 MiB is 1,048,576 bytes. This file loads nothing and sends nothing. Charts by uPlot (MIT licence, in the file).";
addEventListener("hashchange", route);
// A report of one incident opens with it.
if (data.incidents.length === 1 && !location.hash) history.replaceState(null, "", link(data.incidents[0]));
route();
