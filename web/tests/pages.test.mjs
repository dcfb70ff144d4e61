// The pages as a person uses them, in a browser against a running server.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, beforeEach, test } from "node:test";
import { promisify } from "node:util";

import { startBrowser, startServer } from "./server.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const waitMs = 60_000;

let server, browser, context, page, errors;

before(async () => {
  server = await startServer();
  browser = await startBrowser();
});
after(async () => {
  await browser?.close();
  assert.equal(await server?.stop(), 0, server?.said());
});

/** A fresh reader; `parameters` are set as in the panel. */
async function open(options = {}, parameters = { max_tokens: 16, temperature: 0 }) {
  await context?.close();
  // The test reads and scripts the page; the policy is asserted by the server's own tests and by
  // every error that the console shows.
  context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: "en-US",
                                       ...options });
  await context.addInitScript((given) => {
    if (!localStorage.getItem("strata.parameters"))
      localStorage.setItem("strata.parameters", given);
  }, JSON.stringify(parameters));
  page = await context.newPage();
  page.setDefaultTimeout(waitMs);
  errors = [];
  page.on("console", (m) => m.type() === "error" && errors.push(m.text()));
  page.on("pageerror", (e) => errors.push(e.message));
}

async function show(name) {
  await page.goto(`${server.url}/#/${name}`);
  await page.waitForSelector("main > *");
}

async function ready() {
  await show("chat");
  await page.waitForFunction(() => document.querySelector(".model-choice")?.value);
}

async function send(text) {
  await page.fill(".composer textarea", text);
  await page.press(".composer textarea", "Enter");
}

const answered = () => page.waitForSelector(".message.answer:last-child footer");
const last = () => page.locator(".message.answer").last();

/** Answers of the API as given, one a request; resolves to the bodies that were sent. */
async function script(...answers) {
  const sent = [];
  await page.route("**/v1/chat/completions", (route) => {
    sent.push(route.request().postDataJSON());
    const deltas = answers[Math.min(sent.length, answers.length) - 1];
    const events = deltas.map((delta) => ({ choices: [{ delta }] }));
    const finish = deltas.some((d) => d.tool_calls) ? "tool_calls" : "stop";
    events.push({ choices: [{ delta: {}, finish_reason: finish }] });
    const body = events.map((e) => `data: ${JSON.stringify(e)}\n\n`).join("") + "data: [DONE]\n\n";
    return route.fulfill({ contentType: "text/event-stream", body });
  });
  return sent;
}

beforeEach(() => open());
const noErrors = () => assert.deepEqual(errors, []);

test("a message is answered as a stream and kept", async () => {
  await open({}, { max_tokens: 200, temperature: 0, extra: '{"ignore_eos": true}' });
  await ready();
  await page.evaluate(() => {
    window.seen = new Set();
    new MutationObserver(() => {
      const text = document.querySelector(".message.answer.grows .markdown");
      if (text) window.seen.add(text.textContent.length);
    }).observe(document.body, { childList: true, subtree: true, characterData: true });
  });
  await send("Tell me a story about a river.");
  await answered();
  const pieces = await page.evaluate(() => window.seen.size);
  assert.ok(pieces > 3, `the answer came in ${pieces} pieces`);
  assert.match(await last().locator("footer").textContent(), /tok\/s/);
  const text = await last().locator(".markdown").textContent();
  await page.waitForTimeout(600);   // the library is written soon, not at once
  await page.reload();
  await page.waitForSelector(".message.answer .markdown");
  assert.equal(await last().locator(".markdown").textContent(), text);
  assert.match(await page.locator(".conversations nav a").textContent(), /story about a river/);
  noErrors();
});

test("an answer can be stopped, and the server stops", async () => {
  await open({}, { max_tokens: 1500, extra: '{"ignore_eos": true}' });
  await ready();
  await send("Count to a thousand.");
  await page.waitForSelector(".message.answer.grows .markdown");
  await page.click("[aria-label=Stop]");
  await page.waitForSelector("text=Stopped.");
  const end = Date.now() + waitMs;
  while ((await server.metric("vllm:num_requests_running")) > 0)
    assert.ok(Date.now() < end, "the server goes on");
  noErrors();
});

test("edit and retry make branches", async () => {
  await ready();
  await send("Say one.");
  await answered();
  await page.click("[aria-label=Retry]");
  await page.waitForSelector("[aria-label='Version 2 of 2']");
  await answered();
  await page.click("[aria-label='Previous version']");
  await page.waitForSelector("[aria-label='Version 1 of 2']");
  await page.click(".message.user [aria-label=Edit]");
  await page.fill("[aria-label='Edit message']", "Say two.");
  await page.click("text=Send as a new branch");
  await page.waitForSelector(".message.user [aria-label='Version 2 of 2']");
  await answered();
  assert.match(await page.locator(".bubble").textContent(), /Say two/);
  await page.click(".message.user [aria-label='Previous version']");
  assert.match(await page.locator(".bubble").textContent(), /Say one/);
  await page.waitForSelector(".message.answer [aria-label='Version 1 of 2']");
  noErrors();
});

test("another model answers after a switch", async () => {
  await ready();
  await page.selectOption(".model-choice", "second");
  await send("Hello");
  await answered();
  assert.equal(await last().locator(".who").textContent(), "second");
  await page.selectOption(".model-choice", "first");
  await send("And again");
  await page.waitForSelector(".message.answer:nth-child(4) footer");
  assert.equal(await last().locator(".who").textContent(), "first");
  noErrors();
});

test("what a model writes is text, never markup or script", async () => {
  const hostile = [
    "<script>window.pwned = 1</script><img src=x onerror='window.pwned = 2'>",
    "", "<svg onload='window.pwned=3'>", "", "[a](javascript:window.pwned=4)",
    "[b](JaVaScRiPt:window.pwned=5) [c](data:text/html,<script>window.pwned=6</script>)",
    "![d](https://tracker.invalid/x.png) <iframe srcdoc='x'></iframe>", "",
    "$\\href{javascript:window.pwned=7}{x}$ $\\url{javascript:1}$ $\\class{x\" onclick=1}{y}$", "",
    "```html\n<script>window.pwned = 8</script>\n```", "", "| <b onclick=1>x</b> |\n|---|\n| y |",
    "", "[good](https://example.org) $x^2$ &lt;b&gt; &amp;"].join("\n");
  await ready();
  await script([{ content: hostile }]);
  await send("Go");
  await answered();
  await page.waitForSelector(".maths math");
  const found = await page.evaluate(() => {
    const root = document.querySelector(".message.answer .markdown");
    const all = [...root.querySelectorAll("*")];
    return {
      pwned: window.pwned ?? null,
      tags: all.filter((e) => /^(script|img|svg|iframe|b|object|style)$/i.test(e.tagName) &&
                              !e.closest("button")).map((e) => e.outerHTML),
      handlers: all.filter((e) => [...e.attributes].some((a) => /^on/i.test(a.name)))
        .map((e) => e.outerHTML),
      links: all.filter((e) => e.hasAttribute("href")).map((e) => e.getAttribute("href")),
      text: root.textContent,
    };
  });
  assert.equal(found.pwned, null);
  assert.deepEqual(found.tags, []);
  assert.deepEqual(found.handlers, []);
  assert.deepEqual(found.links, ["https://tracker.invalid/x.png", "https://example.org"]);
  assert.match(found.text, /<script>window.pwned = 1/);
  assert.match(found.text, /<b> &/);
  noErrors();
});

test("reasoning is folded, tools are called and answered", async () => {
  const call = (part) => ({ tool_calls: [{ index: 0, ...part }] });
  await open({}, { tools: JSON.stringify([{ type: "function", function: { name: "weather" } }]) });
  await ready();
  const sent = await script(
    [{ reasoning_content: "I should " }, { reasoning_content: "look." },
     call({ id: "c1", function: { name: "weather", arguments: '{"ci' } }),
     call({ function: { arguments: 'ty":"Ulm"}' } })],
    [{ content: "<think>Now I know.</think>It rains." }]);
  await send("Weather in Ulm?");
  await page.waitForSelector("text=Calls weather");
  assert.equal(sent[0].tools[0].function.name, "weather");
  const fold = page.locator("details:has-text('Reasoning')").first();
  assert.equal(await fold.getAttribute("open"), null);
  assert.match(await fold.textContent(), /I should look\./);
  await page.fill(".calls textarea", "rain");
  await page.click("text=Send results");
  await page.waitForSelector("text=It rains.");
  const tool = sent[1].messages.at(-1), asked = sent[1].messages.at(-2);
  assert.deepEqual(tool, { role: "tool", tool_call_id: "c1", content: "rain" });
  assert.equal(asked.tool_calls[0].function.arguments, '{"city":"Ulm"}');
  assert.doesNotMatch(await last().locator("> .markdown").textContent(), /Now I know/);
  noErrors();
});

test("files are sent as text, conversations exported and read again", async () => {
  await ready();
  const sent = await script([{ content: "A list." }]);
  await page.setInputFiles(".composer input[type=file]", [
    { name: "a.py", mimeType: "text/x-python", buffer: Buffer.from("print('```')\n") },
    { name: "b.bin", mimeType: "application/octet-stream", buffer: Buffer.from([0, 1, 255]) }]);
  await page.waitForSelector("text=b.bin was left out");
  await send("What is this?");
  await answered();
  assert.match(sent[0].messages[0].content, /^a\.py:\n````\nprint\('```'\)/);
  assert.match(sent[0].messages[0].content, /What is this\?$/);
  const saved = {};
  for (const kind of ["Markdown", "JSON"]) {
    await page.click("[aria-label=More]");
    const [download] = await Promise.all([page.waitForEvent("download"),
                                          page.click(`text=Export as ${kind}`)]);
    saved[kind] = readFileSync(await download.path(), "utf8");
  }
  assert.match(saved.Markdown, /## User[\s\S]*a\.py[\s\S]*A list\./);
  await page.click("[aria-label='New chat']:visible, .new-chat:visible");
  await page.waitForSelector(".hello");
  await page.setInputFiles(".chat-header input[type=file]", [
    { name: "c.json", mimeType: "application/json", buffer: Buffer.from(saved.JSON) }]);
  await page.waitForSelector("text=A list.");
  assert.equal(await page.locator(".conversations nav a").count(), 2);
  noErrors();
});

test("live moves under load", async () => {
  await show("live");
  const load = [1, 2, 3].map((n) => server.post("/v1/completions", {
    model: "first", prompt: `Number ${n}:`, max_tokens: 300, ignore_eos: true })
    .then((r) => r.text()));
  const chart = (title) => page.locator(".chart", { hasText: title });
  const value = async (title, n = 0) =>
    parseFloat(await chart(title).locator("dd").nth(n).textContent()) || 0;
  const until = async (what, test) => {
    const end = Date.now() + waitMs;
    while (!(await test())) {
      assert.ok(Date.now() < end, what);
      await page.waitForTimeout(100);
    }
  };
  await until("tokens a second", async () => (await value("Speed")) > 0);
  await until("running requests", async () => (await value("Requests")) >= 1);
  await until("time between tokens", async () => (await value("Time between tokens")) > 0);
  await until("blocks in use", async () => (await value("KV cache")) > 0);
  await page.selectOption(".live select", "first");
  const picture = () => chart("Speed").locator("canvas").evaluate((c) => c.toDataURL());
  const before = await picture();
  await until("a line that moves", async () => (await picture()) !== before);
  await Promise.all(load);
  await until("an end", async () => (await value("Requests")) === 0);
  await page.click("text=Pause");
  await page.waitForSelector("text=Resume");
  noErrors();
});

test("try sends what it shows", async () => {
  await show(`try/${encodeURIComponent("POST /tokenize")}`);
  await page.waitForSelector("text=the token ids of a text");
  await page.fill("#field-prompt", "It's \"quoted\"");
  const command = await page.locator(".try-request .code code").textContent();
  await page.click(".try-send button");
  await page.waitForSelector("text=/^200 in/");
  const shown = JSON.parse(await page.locator(".try-response code").textContent());
  const { stdout } = await promisify(execFile)("bash", ["-c", `${command} --silent`]);
  assert.deepEqual(JSON.parse(stdout), shown);
  await page.click("text=Python");
  assert.match(await page.locator(".try-request .code code").textContent(), /httpx\.post/);
  await page.click(".try-request >> text=JSON");
  await page.fill(".raw", "{");
  await page.waitForSelector("text=This is no valid JSON.");
  noErrors();
});

test("models load, unload and are pulled with progress", async () => {
  await show("models");
  const row = (name) => page.locator("tr", { has: page.getByText(name, { exact: true }) });
  await row("first").getByText("pinned").waitFor();
  const unload = row("second").getByRole("button", { name: "Unload" });
  if (await unload.count()) await unload.click();   // another test asked it
  await row("second").getByText("on disk").waitFor();
  await row("second").getByRole("button", { name: "Load", exact: true }).click();
  await row("second").getByText("loaded", { exact: true }).waitFor();
  await unload.click();
  await row("second").getByText("on disk").waitFor();

  await page.fill("#pull-name", "hf:owner/tiny");
  await page.click(".pull button");
  await page.waitForFunction(() => document.querySelector(".pull progress")?.value > 0);
  server.hub.release();
  await page.waitForSelector("text=hf:owner/tiny is here.");
  await row("first").getByRole("button", { name: "first", exact: true }).click();
  await page.locator("dialog").getByText("llama").waitFor();
  await page.keyboard.press("Escape");
  await page.waitForSelector("dialog", { state: "detached" });
  assert.ok(await page.locator(".models-table tbody tr").count() >= 3);
  noErrors();
});

test("a server with keys asks for one", async () => {
  await page.route("**/v1/models", (route) =>
    route.request().headers().authorization === "Bearer k1" ? route.continue()
      : route.fulfill({ status: 401, json: { error: { message: "no valid API key" } } }));
  await show("chat");
  await page.fill("dialog input", "k1");
  await page.press("dialog input", "Enter");
  await page.waitForFunction(() => document.querySelector(".model-choice")?.value === "first");
});

test("everything fits a phone", async () => {
  await open({ viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true });
  await ready();
  await script([{ content: "| a | b |\n|---|---|\n| " + "x".repeat(200) + " | y |\n\n" +
                           "```\n" + "y".repeat(300) + "\n```\n\n" + "z".repeat(300) }]);
  await send("Go");
  await answered();
  for (const name of ["chat", "models", "live", "try"]) {
    if (name !== "chat") await show(name);
    await page.waitForTimeout(300);
    const width = await page.evaluate(() => Math.max(document.documentElement.scrollWidth,
      ...[...document.querySelectorAll("main, .messages, .page")].map((e) => e.scrollWidth)));
    assert.ok(width <= 360, `${name} is ${width} wide`);
  }
  await show("chat");
  await page.click("button[aria-label=Conversations]");
  await page.locator(".conversations.open nav a").waitFor();
  noErrors();
});

test("both languages, kept", async () => {
  await ready();
  await page.click("[aria-label='切换到中文']");
  await page.waitForSelector("nav >> text=对话");
  assert.equal(await page.getAttribute("html", "lang"), "zh-Hans");
  await page.reload();
  await page.waitForSelector("nav >> text=模型");
  for (const name of ["models", "live", "try"]) {
    await show(name);
    await page.waitForTimeout(300);
    assert.match(await page.locator("main h1").textContent(), /\p{Script=Han}/u);
  }
  await page.click("[aria-label='Switch to English']");
  await page.waitForSelector("nav >> text=Models");
  noErrors();
});

test("the keyboard reaches everything that matters", async () => {
  await ready();
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
  await page.focus("[aria-label=More]");
  await page.keyboard.press("Enter");
  await page.waitForSelector("[role=menuitem]:focus");
  await page.keyboard.press("Escape");
  await page.waitForSelector("[role=menu]", { state: "detached" });
  assert.equal(await page.evaluate(() => document.activeElement.ariaLabel), "More");
  noErrors();
});

for (const [name, options] of Object.entries({
  light: {}, dark: { colorScheme: "dark" }, "zh-CN": { locale: "zh-CN" },
  phone: { viewport: { width: 390, height: 800 }, isMobile: true },
}))
  test(`axe finds nothing serious: ${name}`, async () => {
    await open(options);
    await ready();
    const content = "# Title\n\n`x` and [l](https://example.org)\n\n- [x] done\n\n" +
      "| a | b |\n|---|---|\n| 1 | $x^2$ |\n\n```python\nprint('x') # y\n```";
    await script([{ reasoning_content: "Hm." }, { content }]);
    await send("Show everything");
    await answered();
    await page.waitForSelector(".hljs-string");
    const check = async (where) => {
      // By the driver, past the page's policy.
      await page.evaluate(axe);
      const runOnly = ["wcag2a", "wcag2aa", "wcag21aa", "best-practice"];
      const { violations } = await page.evaluate(
        (rules) => window.axe.run(document, { runOnly: rules }), runOnly);
      const bad = violations.filter((v) => ["serious", "critical"].includes(v.impact));
      assert.deepEqual(bad.map((v) => `${v.id}: ${v.nodes[0].html} ${v.nodes[0].failureSummary}`),
                       [], where);
    };
    await check("chat");
    await page.click(".chat-header .icon-button[aria-expanded]");
    await check("parameters");
    for (const each of ["models", "live", "try"]) {
      await show(each);
      await page.waitForTimeout(700);
      await check(each);
    }
    noErrors();
  });
