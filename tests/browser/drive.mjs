// Opens a page in headless Chromium and runs scenarios on it: `node drive.mjs`, one JSON line in, one out.
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { build } from "esbuild";
import { chromium } from "playwright-core";

const here = (name) => new URL(name, import.meta.url).pathname;
const bundle = await build({ entryPoints: [here("page.js")], bundle: true, write: false, format: "iife" });
const files = {
  "/": ["text/html", "<!doctype html><title>page</title><script src=/page.js></script>"],
  "/page.js": ["text/javascript", bundle.outputFiles[0].text],
  "/services.binpb": ["application/octet-stream", await readFile(process.env.DESCRIPTORS)],
};
const server = createServer((request, response) => {
  const [type, body] = files[request.url] ?? ["text/plain", ""];
  response.writeHead(request.url in files ? 200 : 404, { "content-type": type }).end(body);
});
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
const origin = `http://127.0.0.1:${server.address().port}`;

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
  ],
});
const page = await browser.newPage();
const said = [];
page.on("console", (message) => said.push(message.text()));
await page.goto(origin);
process.stdout.write(`${JSON.stringify({ origin })}\n`);
for await (const line of createInterface({ input: process.stdin })) {
  const { name, given } = JSON.parse(line);
  const result = await page.evaluate(([name, given]) => window.run(name, given), [name, given]);
  process.stdout.write(`${JSON.stringify({ result, said: said.splice(0) })}\n`);
}
await browser.close();
server.close();
