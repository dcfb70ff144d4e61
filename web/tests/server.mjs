// A running strata, a hub that it pulls from, and a browser.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { chromium } from "playwright-core";

const source = process.env.STRATA_SOURCE ?? resolve("..");
const binary = process.env.STRATA_BINARY ?? join(source, "build/release/strata");
const models = process.env.STRATA_TEST_MODELS ?? join(source, "build/models");
const model = join(models, "SmolLM2-135M-Instruct.Q4_1.gguf");

/**
 * A hub in Hugging Face's form with one model; its second half waits for release(). Only the
 * beginning of a real one, which is enough to be listed.
 */
async function startHub() {
  const content = readFileSync(model).subarray(0, 4 << 20);
  const size = content.length;
  const sha256 = createHash("sha256").update(content).digest("hex");
  const file = "tiny.Q4_1.gguf";
  let release = () => {};
  const released = new Promise((done) => { release = done; });
  const server = createServer((request, response) => {
    if (request.url.includes("/tree/")) {
      response.writeHead(200, { "Content-Type": "application/json" });
      const row = { type: "file", path: file, size, oid: "1f", lfs: { oid: sha256, size } };
      return response.end(JSON.stringify([row]));
    }
    if (!request.url.endsWith(file)) return response.writeHead(404).end();
    const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
    response.writeHead(from ? 206 : 200, {
      "Content-Length": size - from, ETag: '"v1"',
      ...(from && { "Content-Range": `bytes ${from}-${size - 1}/${size}` }) });
    const half = Math.max(from, Math.floor(size / 2));
    response.write(content.subarray(from, half));
    void released.then(() => response.end(content.subarray(half)));
  });
  await new Promise((up) => server.listen(0, "127.0.0.1", up));
  const stop = () => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${server.address().port}`, release, stop };
}

/** strata with the models "first" and "second", and a library that is empty. */
export async function startServer() {
  for (const path of [binary, model])
    if (!existsSync(path)) throw new Error(`${path} is missing`);
  const hub = await startHub();
  const home = mkdtempSync(join(tmpdir(), "strata-pages-"));
  const child = spawn(binary, ["serve", `first=${model}`, `second=${model}`, "--pin", "first",
    "--library", "--kv-cache-bytes", "64MB", "--max-model-len", "2048", "--port", "0"], {
    env: { ...process.env, STRATA_HOME: home, HF_ENDPOINT: hub.url, HF_TOKEN: "" } });
  let said = "";
  const port = await new Promise((up, down) => {
    const read = (data) => {
      said += data;
      const found = /serving .* on http:\/\/[^/]*:(\d+)/.exec(said);
      if (found) up(Number(found[1]));
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    child.on("exit", (code) => down(new Error(`strata ended with ${code}:\n${said}`)));
  });
  const url = `http://127.0.0.1:${port}`;
  return {
    url, hub,
    said: () => said,
    post: (path, body) => fetch(url + path, { method: "POST", body: JSON.stringify(body) }),
    async metric(name) {
      const text = await (await fetch(`${url}/metrics`)).text();
      const rows = text.split("\n").filter((l) => l.startsWith(`${name}{`) ||
                                                  l.startsWith(`${name} `));
      return rows.reduce((sum, row) => sum + Number(row.split(" ").at(-1)), 0);
    },
    async stop() {
      child.removeAllListeners("exit");
      const ended = new Promise((done) => child.once("exit", done));
      child.kill("SIGTERM");
      const code = await ended;
      hub.stop();
      rmSync(home, { recursive: true, force: true });
      return code;
    },
  };
}

export const startBrowser = () => chromium.launch({
  executablePath: process.env.STRATA_CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
