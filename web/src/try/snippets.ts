// A request as a command line and as a program.

export interface Request {
  method: string;
  url: string;
  body?: unknown;
  key: boolean;      // whether the server wants one
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

export function curl({ method, url, body, key }: Request): string {
  const parts = [`curl ${quoted(url)}`];
  if (method !== (body === undefined ? "GET" : "POST")) parts.push(`-X ${method}`);
  if (key) parts.push(`-H "Authorization: Bearer $STRATA_API_KEY"`);
  if (body !== undefined) {
    parts.push(`-H 'Content-Type: application/json'`, `-d ${quoted(JSON.stringify(body))}`);
    if ((body as { stream?: unknown }).stream === true) parts.splice(1, 0, "--no-buffer");
  }
  return parts.join(" \\\n  ");
}

/** JSON as a Python expression. */
function literal(value: unknown, indent: string): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value !== "object") return JSON.stringify(value);
  const inner = indent + "    ";
  const isList = Array.isArray(value);
  const rows = isList ? value.map((v) => literal(v, inner))
                      : Object.entries(value).map(([k, v]) =>
                          `${JSON.stringify(k)}: ${literal(v, inner)}`);
  const [open, close] = isList ? "[]" : "{}";
  const line = `${open}${rows.join(", ")}${close}`;
  if (line.length + indent.length < 80 && !line.includes("\n")) return line;
  return `${open}\n${rows.map((row) => `${inner}${row},\n`).join("")}${indent}${close}`;
}

export function python({ method, url, body, key }: Request): string {
  const streams = (body as { stream?: unknown } | undefined)?.stream === true;
  const call = [JSON.stringify(url)];
  if (key) call.push(`headers={"Authorization": f"Bearer {os.environ['STRATA_API_KEY']}"}`);
  if (body !== undefined) call.push(`json=${literal(body, "    ")}`);
  call.push("timeout=600");
  const of = `(\n    ${call.join(",\n    ")},\n)`;
  const imports = key ? "import os\n\nimport httpx\n\n" : "import httpx\n\n";
  if (streams)
    return `${imports}with httpx.stream${of.replace("(\n    ", `(\n    "${method}",\n    `)} ` +
      "as answer:\n    for line in answer.iter_lines():\n        print(line)\n";
  const name = method.toLowerCase();
  // httpx sends bodies with the common methods only by its general function.
  const start = name === "delete" && body !== undefined
    ? `httpx.request${of.replace("(\n    ", `(\n    "DELETE",\n    `)}` : `httpx.${name}${of}`;
  return `${imports}answer = ${start}\nprint(answer.text)\n`;
}
