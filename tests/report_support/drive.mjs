// Drives report pages in a headless Chromium and checks what a person and an attacker would do.
//
//     node drive.mjs CHROMIUM DEMO.html HOSTILE.html LARGE.html OUT_DIR
//
// Prints one line a check; ends with 1 when one failed.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const [executablePath, demo, hostile, large, out] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const wide = { width: 1600, height: 1000 };
const narrow = { width: 360, height: 780 };
let failed = 0;

async function check(name, act) {
  try {
    await act();
    console.log("ok    " + name);
  } catch (error) {
    failed += 1;
    console.log("FAIL  " + name + ": " + (error.stack || error));
  }
}

const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const browser = await chromium.launch({ executablePath, args });

// A page of its own that writes down every request and every complaint.
async function open(file, viewport, more) {
  const context = await browser.newContext({ viewport, colorScheme: "light", ...more });
  const page = await context.newPage();
  const url = pathToFileURL(file).href;
  page.said = [];
  page.asked = [];
  page.on("console", (message) => page.said.push(message.type() + ": " + message.text()));
  page.on("pageerror", (error) => page.said.push("error: " + error.message));
  page.on("dialog", (dialog) => { page.said.push("dialog: " + dialog.message()); dialog.dismiss(); });
  page.on("request", (request) => { if (request.url().split("#")[0] !== url) page.asked.push(request.url().slice(0, 200)); });
  await page.goto(url);
  return page;
}

const quiet = (page) => {
  assert.deepEqual(page.said, [], "nothing on the console");
  assert.deepEqual(page.asked, [], "no request leaves the file");
};
const rows = (page) => page.locator(".list tbody tr");
// How many the list holds, of which it draws a page.
const listed = async (page) => {
  const said = await page.locator("#incidents .pager [role=status]").innerText();
  const all = Number(/(?:^| of )([\d,]+)(?:;|$)/.exec(said)[1].replaceAll(",", ""));
  const drawn = await rows(page).count();
  assert.equal(drawn, Math.min(25, said.startsWith("0") ? 0 : all), said);
  return drawn && all;
};
const model = (page) => page.evaluate(() => JSON.parse(document.getElementById("data").textContent));
const shot = (page, name) => page.screenshot({ path: join(out, name + ".png"), fullPage: true });

async function fits(page) {
  const [content, view] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(content <= view, "content is " + content + " px wide in " + view);
}

async function accessible(page, what) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  const bad = found.violations.filter((v) => ["serious", "critical"].includes(v.impact));
  assert.deepEqual(bad.map((v) => v.id + ": " + v.nodes.slice(0, 3).map((n) => n.html + " " + n.failureSummary).join(" | ")), [], what);
}

const page = await open(demo, wide);
const known = await model(page);
const told = known.incidents.filter((incident) => incident.told);

await check("the first screen says it in words, and how much was seen", async () => {
  assert.equal(await page.locator("h1").innerText(), known.headline);
  assert.ok((await page.locator(".lede").innerText()).includes(known.looked_at));
  assert.equal(await rows(page).count(), Math.min(25, told.length));
  await fits(page);
  await shot(page, "wide-light");
});

await check("a column sorts both ways, by keyboard too", async () => {
  const sent = () => rows(page).first().locator("td").nth(4).innerText();
  await page.getByRole("button", { name: "Sent" }).click();
  const most = await sent();
  assert.equal(await page.locator("th[aria-sort=descending]").innerText(), "Sent");
  await page.getByRole("button", { name: "Sent" }).press("Enter");
  const least = await sent();
  assert.equal(await page.locator("th[aria-sort=ascending]").innerText(), "Sent");
  const order = told.map((incident) => incident.egress_bytes).sort((a, b) => a - b);
  const text = (value) => page.evaluate((wanted) => {
    const units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let unit = 0;
    while (wanted >= 999.5) { wanted /= 1024; unit += 1; }
    return wanted.toPrecision(3) + "\u00a0" + units[unit];
  }, value);
  assert.equal(most, await text(order[order.length - 1]));
  assert.equal(least, await text(order[0]));
});

await check("pages turn", async () => {
  await page.getByRole("button", { name: "Next incidents" }).click();
  assert.match(await page.locator("#incidents .pager [role=status]").innerText(), /^26 to /);
  await page.getByRole("button", { name: "Previous incidents" }).click();
});

await check("filters narrow the list, and nothing found says how much was seen", async () => {
  await page.locator("#by-severity").selectOption("4");
  assert.equal(await listed(page), told.filter((incident) => incident.rank === 4).length);
  await page.locator("#by-severity").selectOption("0");
  await page.locator("#by-told").selectOption("kept");
  assert.equal(await listed(page), known.incidents.length - told.length);
  await page.locator("#by-told").selectOption("all");
  await page.locator("#by-guardduty").selectOption("agrees");
  assert.equal(await listed(page), known.incidents.filter((incident) => incident.guardduty.status === "agrees").length);
  await page.locator("#by-guardduty").selectOption("");
  await page.locator("#search").fill("no such thing");
  assert.equal(await listed(page), 0);
  assert.match(await page.locator(".empty").innerText(), /No incident fits/);
  await page.locator("#search").fill(known.incidents[0].id);
  assert.equal(await listed(page), 1);
});

await check("an incident opens by keyboard and answers the seven questions", async () => {
  await rows(page).first().locator("a").focus();
  await page.keyboard.press("Enter");
  await page.locator("#incident-h").waitFor();
  const text = await page.locator("#detail").innerText();
  for (const question of ["What left?", "From where?", "To whom?", "Since when?", "Is it normal?", "What does GuardDuty say?", "What do I do now?"]) {
    assert.ok(text.includes(question), question);
  }
  for (const part of ["outflow suppress add suppressions.toml --eni", "--max-bytes-per-day", "FROM hourly", "read_parquet", "Risk in all", known.incidents[0].counterfactuals[0]]) {
    assert.ok(text.includes(part), part);
  }
  assert.ok((await page.locator("#detail canvas").count()) >= 1, "the chart is drawn");
  await fits(page);
  await shot(page, "incident-wide-light");
});

await check("the picture can be read off", async () => {
  const over = page.locator("#detail .u-over").first();
  const box = await over.boundingBox();
  await over.hover({ position: { x: box.width * 0.7, y: box.height / 2 } });
  assert.match(await page.locator("#detail .readout").innerText(), / UTC: .*(sent to all|could be seen|served)/);
  await page.getByRole("button", { name: "Linear" }).click();
  await page.getByRole("button", { name: "Two weeks before" }).click();
  await page.getByText("Numbers").click();
  assert.ok((await page.locator("#detail details tr").count()) > 2);
});

await check("dark and light", async () => {
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground();
  await page.locator("#theme").click();
  assert.notEqual(await ground(), light);
  assert.equal(await page.locator("#theme").getAttribute("aria-pressed"), "true");
  await shot(page, "incident-wide-dark");
  await page.locator("#back").click();
  await shot(page, "wide-dark");
});

await check("prints on white paper", async () => {
  const path = join(out, "report.pdf");
  await page.pdf({ path, format: "A4", printBackground: true });
  assert.ok(statSync(path).size > 10_000);
  assert.equal(readFileSync(path).subarray(0, 5).toString(), "%PDF-");
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark", "the screen stays as it was");
});

await check("keeps quiet and asks for nothing", async () => quiet(page));

for (const [name, viewport] of [["narrow", narrow], ["wide", wide]]) {
  for (const colorScheme of ["light", "dark"]) {
    // The checker is injected, which the page's own policy would refuse.
    const small = await open(demo, viewport, { bypassCSP: true, colorScheme });
    await check("fits and is accessible: " + name + ", " + colorScheme, async () => {
      await fits(small);
      if (name === "narrow") await shot(small, "narrow-" + colorScheme);
      await accessible(small, "list");
      await rows(small).first().locator("a").click();
      await small.locator("#incident-h").waitFor();
      await fits(small);
      if (name === "narrow") await shot(small, "incident-narrow-" + colorScheme);
      await accessible(small, "incident");
    });
    await small.context().close();
  }
}

const evil = await open(hostile, narrow);
await check("hostile text is text: list, incident, fleet", async () => {
  const incidents = (await model(evil)).incidents;
  assert.ok(incidents.length > 0);
  const harmless = async () => {
    assert.equal(await evil.evaluate(() => window.pwned), undefined);
    assert.equal(await evil.locator("main script, main img, main iframe, main svg, main i.evil").count(), 0);
    const text = await evil.locator("main").innerText();
    assert.ok(text.includes("</script><script>"), "it is shown as it is");
    assert.ok(!/[\u202a-\u202e\u2066-\u2069]/.test(text), "nothing reorders the page");
  };
  // A report of one incident opens with it.
  await evil.locator("#incident-h").waitFor();
  await harmless();
  await evil.locator("#back").click();
  await evil.locator("#by-told").selectOption("all");
  await harmless();
  await fits(evil);
  await rows(evil).first().locator("a").click();
  await evil.locator("#incident-h").waitFor();
  await harmless();
  await fits(evil);
  const pasted = await evil.locator(".paste pre").allInnerTexts();
  assert.ok(pasted.every((text) => !/[\u0000-\u0008\u000b-\u001f\u202e]/.test(text)), "nothing to paste drives a terminal");
  await shot(evil, "hostile-narrow");
});
await check("the policy stops what would get in", async () => {
  const blocked = await evil.evaluate(() => new Promise((done) => {
    addEventListener("securitypolicyviolation", (event) => done(event.effectiveDirective));
    const script = document.createElement("script");
    try { script.textContent = "window.pwned = 1"; } catch { done("trusted types"); }
    document.body.append(script);
    setTimeout(() => done("nothing"), 1000);
  }));
  assert.notEqual(blocked, "nothing");
  assert.equal(await evil.evaluate(() => window.pwned), undefined);
  assert.deepEqual(evil.asked, []);
});

const many = await open(large, wide);
await check("5,000 incidents: a page of them is drawn, all are searched", async () => {
  assert.equal(await rows(many).count(), 25);
  assert.match(await many.locator("#incidents .pager [role=status]").innerText(), /of 5,000/);
  await many.locator("#search").fill("many-4999");
  assert.equal(await rows(many).count(), 1);
  const took = await many.evaluate(() => performance.getEntriesByType("navigation")[0].loadEventEnd);
  console.log("      opened in " + Math.round(took) + " ms");
  quiet(many);
});
await check("400 interfaces: the heat map turns pages, and finds one", async () => {
  const status = many.locator(".panel:has(#heat-h) .pager [role=status]");
  const picture = many.locator(".panel:has(#heat-h) [role=img]");
  assert.match(await status.innerText(), /^1 to 40 of 400; 9,600 that sent less are not in this file$/);
  await many.getByRole("button", { name: "Next interfaces" }).click();
  assert.match(await status.innerText(), /^41 to 80 /);
  const over = picture.locator(".u-over");
  await over.hover({ position: { x: 40, y: 8 } });
  assert.match(await many.locator(".panel:has(#heat-h) .readout").innerText(), /^eni-many-0040, .* UTC: /);
  await many.locator("#heat-search").fill("many-0399");
  assert.match(await status.innerText(), /^1 to 1 of 1;/);
  assert.match(await picture.getAttribute("aria-label"), /by 1 interface,/);
  await many.locator("#heat-search").fill("no such interface");
  assert.match(await status.innerText(), /^0 of 400/);
  assert.equal(await picture.isVisible(), false);
  await many.locator("#heat-search").fill("");
  assert.equal(await picture.isVisible(), true);
  await shot(many, "large-wide");
  quiet(many);
});

await browser.close();
process.exit(failed ? 1 : 0);
