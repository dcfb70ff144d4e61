// A conversation as a tree: an edit or a retry is a sibling, and the path shown follows the chosen
// child at every step. All functions return new values.

export interface TextFile {
  name: string;
  text: string;
}

export interface ToolCall {
  id: string;
  name: string;
  arguments: string;
}

export interface Message {
  id: string;
  parent: string | null;
  role: "user" | "assistant" | "tool";
  content: string;
  at: number;
  files?: TextFile[];          // of a user's message
  callId?: string;             // of a tool's result
  reasoning?: string;          // of an answer, from here on
  calls?: ToolCall[];
  model?: string;
  finish?: string;             // why it ended; absent while it grows
  error?: string;
  promptTokens?: number;
  tokens?: number;
  firstS?: number;             // until the first token
  rate?: number;               // tokens a second after it
}

export interface Conversation {
  id: string;
  title: string;
  titled?: boolean;            // by the reader
  created: number;
  updated: number;
  messages: Record<string, Message>;
  chosen: Record<string, string>;   // parent ("" for the root) -> child
}

export const newId = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(9)), (b) => b.toString(36).padStart(2, "0"))
    .join("");

export function empty(): Conversation {
  const now = Date.now();
  return { id: newId(), title: "", created: now, updated: now, messages: {}, chosen: {} };
}

export function children(c: Conversation, parent: string | null): Message[] {
  return Object.values(c.messages).filter((m) => m.parent === parent)
    .sort((a, b) => a.at - b.at);
}

/** From the root to the leaf that is shown. */
export function path(c: Conversation): Message[] {
  const out: Message[] = [];
  for (let at: string | null = null;;) {
    const next: Message | undefined = c.messages[c.chosen[at ?? ""] ?? ""];
    if (!next || next.parent !== at) return out;
    out.push(next);
    at = next.id;
  }
}

/** From the root to a message. */
export function pathTo(c: Conversation, id: string | null): Message[] {
  const out: Message[] = [];
  for (let m = c.messages[id ?? ""]; m; m = c.messages[m.parent ?? ""]) out.unshift(m);
  return out;
}

/** With a new message, which becomes the one that is shown. */
export function add(c: Conversation, message: Message): Conversation {
  const siblings = children(c, message.parent);
  const at = Math.max(message.at, (siblings.at(-1)?.at ?? 0) + 1);
  return {
    ...c,
    updated: Date.now(),
    title: c.title || titleOf(message),
    messages: { ...c.messages, [message.id]: { ...message, at } },
    chosen: { ...c.chosen, [message.parent ?? ""]: message.id },
  };
}

export function change(c: Conversation, id: string, part: Partial<Message>): Conversation {
  const old = c.messages[id];
  if (!old) return c;
  return { ...c, messages: { ...c.messages, [id]: { ...old, ...part } } };
}

export function choose(c: Conversation, message: Message): Conversation {
  return { ...c, chosen: { ...c.chosen, [message.parent ?? ""]: message.id } };
}

function titleOf(message: Message): string {
  if (message.role !== "user") return "";
  const line = (message.content.trim() || message.files?.[0]?.name || "").split("\n")[0]!;
  return line.length > 60 ? line.slice(0, 59).trimEnd() + "…" : line;
}
