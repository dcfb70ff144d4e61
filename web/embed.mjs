// node embed.mjs FOLDER OUT: writes the built pages in FOLDER as the C++ source OUT, compressed.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { extname, join } from "node:path";
import { gzipSync } from "node:zlib";

const types = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};
const columns = 96;

function literal(bytes) {
  const lines = [];
  let line = "";
  for (const byte of bytes) {
    // Three digits always, so that the next character is never read as one of them.
    line += byte >= 35 && byte < 127 && byte !== 63 && byte !== 92
      ? String.fromCharCode(byte) : `\\${byte.toString(8).padStart(3, "0")}`;
    if (line.length >= columns - 8) {
      lines.push(`    "${line}"`);
      line = "";
    }
  }
  return [...lines, `    "${line}"`].join("\n");
}

const [folder, out] = process.argv.slice(2);
const paths = readdirSync(folder, { recursive: false, withFileTypes: true })
  .flatMap((entry) => (entry.isDirectory()
    ? readdirSync(join(folder, entry.name)).map((name) => `${entry.name}/${name}`)
    : [entry.name])).sort();

const arrays = [], rows = [];
paths.forEach((path, i) => {
  const content = readFileSync(join(folder, path));
  const gzip = gzipSync(content, { level: 9 });
  const etag = createHash("sha256").update(content).digest("hex").slice(0, 16);
  const url = path === "index.html" ? "/" : `/${path}`;
  const type = types[extname(path)] ?? "application/octet-stream";
  arrays.push(`constexpr char file_${i}[] =\n${literal(gzip)};`);
  rows.push(`    {"${url}", "${type}", "\\"${etag}\\"", {file_${i}, ${gzip.length}}},`);
});
writeFileSync(out, `// Made by web/embed.mjs.
#include "serve/pages.h"

namespace strata::serve {
namespace {
${arrays.join("\n")}

constexpr PageFile files[] = {
${rows.join("\n")}
};
}  // namespace

std::span<const PageFile> page_files() { return files; }

}  // namespace strata::serve
`);
