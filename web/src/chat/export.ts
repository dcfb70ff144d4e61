// Conversations as files.
import { download } from "../lib/files";
import { put } from "./library";
import { type Conversation, type Message, newId, path } from "./tree";

const format = "strata-conversation";

const fileName = (c: Conversation, extension: string): string =>
  `${(c.title || "chat").replace(/[^\p{L}\p{N}]+/gu, "-").slice(0, 50)}.${extension}`;

function section(m: Message): string {
  const name = m.role === "user" ? "User" : m.role === "tool" ? "Tool" : m.model ?? "Assistant";
  const parts = [`## ${name}`];
  for (const f of m.files ?? []) parts.push(`**${f.name}**\n\n\`\`\`\`\n${f.text}\n\`\`\`\``);
  if (m.reasoning) parts.push(m.reasoning.replace(/^/gm, "> "));
  if (m.content) parts.push(m.content);
  for (const call of m.calls ?? [])
    parts.push(`\`${call.name}\`\n\n\`\`\`json\n${call.arguments}\n\`\`\``);
  return parts.join("\n\n");
}

/** The path that is shown. */
export function toMarkdown(c: Conversation): string {
  return [`# ${c.title}`, ...path(c).map(section)].join("\n\n") + "\n";
}

export function exportMarkdown(c: Conversation): void {
  download(fileName(c, "md"), "text/markdown", toMarkdown(c));
}

/** All branches. */
export function exportJson(c: Conversation): void {
  download(fileName(c, "json"), "application/json", JSON.stringify({ format, ...c }, null, 1));
}

const roles = new Set(["user", "assistant", "tool"]);

function isMessage(id: string, m: unknown): boolean {
  const { id: own, parent, role, content, at } = (m ?? {}) as Record<string, unknown>;
  return own === id && (parent === null || typeof parent === "string") &&
    roles.has(role as string) && typeof content === "string" && typeof at === "number";
}

/** The new id; null for a file that is no conversation. */
export function importJson(text: string): string | null {
  try {
    const { format: of, ...c } = JSON.parse(text) as Conversation & { format: string };
    if (of !== format || typeof c.title !== "string" || typeof c.chosen !== "object") return null;
    if (!Object.entries(c.messages).every(([id, m]) => isMessage(id, m))) return null;
    const copy = { ...c, id: newId(), updated: Date.now() };
    put(copy);
    return copy.id;
  } catch {
    return null;
  }
}
