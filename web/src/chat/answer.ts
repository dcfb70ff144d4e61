// An answer under way: sends a conversation's path and lets the answer grow in the library.
import { ApiError, request, textOf } from "../lib/api";
import { events } from "../lib/lines";
import { store } from "../lib/store";
import { conversations, update } from "./library";
import { bodyOf, parameters } from "./parameters";
import { splitReasoning } from "./reasoning";
import { add, change, type Message, newId, pathTo, type ToolCall } from "./tree";

/** Answers that grow now, by message. */
export const growing = store<Record<string, AbortController>>({});

interface Delta {
  content?: string | null;
  reasoning?: string | null;
  reasoning_content?: string | null;
  tool_calls?: { index: number; id?: string;
                 function?: { name?: string; arguments?: string } }[];
}

interface Chunk {
  choices?: { delta?: Delta; finish_reason?: string | null }[];
  usage?: { prompt_tokens: number; completion_tokens: number } | null;
  error?: { message?: string };
}

function wire(m: Message): Record<string, unknown> {
  if (m.role === "tool") return { role: "tool", tool_call_id: m.callId, content: m.content };
  if (m.role === "assistant") {
    const out: Record<string, unknown> = { role: "assistant", content: m.content };
    if (m.calls?.length)
      out.tool_calls = m.calls.map((c) => ({
        id: c.id, type: "function", function: { name: c.name, arguments: c.arguments } }));
    return out;
  }
  const files = (m.files ?? []).map(({ name, text }) => {
    const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map((run) => run[0].length));
    const fence = "`".repeat(longest + 1);
    return `${name}:\n${fence}\n${text}\n${fence}`;
  });
  return { role: "user", content: [...files, m.content].filter(Boolean).join("\n\n") };
}

function addCalls(calls: ToolCall[], delta: Delta): ToolCall[] {
  const out = [...calls];
  for (const part of delta.tool_calls ?? []) {
    const old = out[part.index] ?? { id: "", name: "", arguments: "" };
    out[part.index] = {
      id: part.id ?? old.id,
      name: old.name + (part.function?.name ?? ""),
      arguments: old.arguments + (part.function?.arguments ?? ""),
    };
  }
  return out;
}

/** Asks `model` to answer the message `parent`; resolves when the answer has ended. */
export async function answer(conversation: string, parent: string, model: string): Promise<void> {
  const id = newId();
  const c = conversations.get()[conversation];
  if (!c) return;
  const p = parameters.get();
  const messages = pathTo(c, parent).filter((m) => !m.error || m.content).map(wire);
  if (p.system?.trim()) messages.unshift({ role: "system", content: p.system });
  update(conversation, (now) => add(now, {
    id, parent, role: "assistant", content: "", at: Date.now(), model }));

  const control = new AbortController();
  growing.set({ ...growing.get(), [id]: control });
  const begun = performance.now();
  let text = "", reasoning = "", calls: ToolCall[] = [];
  let first = 0, last = 0, pieces = 0, frame = 0;
  const end: Partial<Message> = {};

  const show = () => {
    frame = 0;
    const parts = splitReasoning(text);
    update(conversation, (now) => change(now, id, {
      content: parts.content, reasoning: reasoning + parts.reasoning,
      ...(calls.length > 0 && { calls }) }));
  };
  // A frame is the most that eyes see; hidden pages get none, and their answers grow all the same.
  const soon = () => {
    if (frame) return;
    frame = document.hidden ? window.setTimeout(show, 250) : requestAnimationFrame(show);
  };
  const take = (chunk: Chunk) => {
    if (chunk.error) throw new Error(chunk.error.message ?? "error");
    const choice = chunk.choices?.[0];
    const delta = choice?.delta;
    const thought = delta?.reasoning_content ?? delta?.reasoning;
    if (delta && (delta.content || thought || delta.tool_calls)) {
      last = performance.now();
      if (!first) first = last;
      ++pieces;
      text += delta.content ?? "";
      reasoning += thought ?? "";
      calls = addCalls(calls, delta);
      soon();
    }
    if (choice?.finish_reason) end.finish = choice.finish_reason;
    if (chunk.usage) {
      end.promptTokens = chunk.usage.prompt_tokens;
      end.tokens = chunk.usage.completion_tokens;
    }
  };

  try {
    const response = await request("POST", "/v1/chat/completions", {
      ...bodyOf(p), model, messages, stream: true, stream_options: { include_usage: true },
    }, control.signal);
    for await (const data of events(response.body!)) {
      if (data === "[DONE]") break;
      take(JSON.parse(data) as Chunk);
    }
    end.finish ??= "cancelled";
  } catch (error) {
    end.finish = control.signal.aborted ? "cancelled" : "error";
    if (!control.signal.aborted)
      end.error = error instanceof ApiError ? error.message : textOf(error);
  }
  if (first) {
    end.firstS = (first - begun) / 1000;
    const n = end.tokens ?? pieces;
    if (n > 1 && last > first) end.rate = ((n - 1) * 1000) / (last - first);
  }
  cancelAnimationFrame(frame);
  show();
  update(conversation, (now) => change(now, id, end));
  const { [id]: _, ...rest } = growing.get();
  growing.set(rest);
}

export function stop(id: string): void {
  growing.get()[id]?.abort();
}
