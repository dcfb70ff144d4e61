// The parameters of a request, as the reader sets them. Absent ones are left to the server.
import { kept } from "../lib/store";

export interface Parameters {
  system?: string;
  temperature?: number;
  top_p?: number;
  top_k?: number;
  min_p?: number;
  max_tokens?: number;
  repetition_penalty?: number;
  presence_penalty?: number;
  frequency_penalty?: number;
  seed?: number;
  stop?: string;    // a line each
  tools?: string;   // JSON
  extra?: string;   // JSON
}

export type NumberName = Exclude<keyof Parameters, "system" | "stop" | "tools" | "extra">;
export interface Range {
  name: NumberName;
  min: number;
  max: number;
  step: number;
}

export const ranges: Range[] = [
  { name: "temperature", min: 0, max: 2, step: 0.05 },
  { name: "top_p", min: 0, max: 1, step: 0.01 },
  { name: "top_k", min: 0, max: 1000, step: 1 },
  { name: "min_p", min: 0, max: 1, step: 0.01 },
  { name: "max_tokens", min: 1, max: 1_000_000, step: 1 },
  { name: "repetition_penalty", min: 0.5, max: 2, step: 0.01 },
  { name: "presence_penalty", min: -2, max: 2, step: 0.05 },
  { name: "frequency_penalty", min: -2, max: 2, step: 0.05 },
  { name: "seed", min: 0, max: 2 ** 31 - 1, step: 1 },
];

export const parameters = kept<Parameters>("parameters", {});
export const chosenModel = kept<string>("model", "");

/** Undefined for text that is no JSON of the form wanted; null for none. */
export function parseList(text: string | undefined): unknown[] | null | undefined {
  const value = parse(text);
  return value === null || Array.isArray(value) ? value : undefined;
}

export function parseObject(text: string | undefined): Record<string, unknown> | null | undefined {
  const value = parse(text);
  if (value === null) return null;
  return typeof value === "object" && !Array.isArray(value)
    ? value as Record<string, unknown> : undefined;
}

function parse(text: string | undefined): unknown {
  if (!text?.trim()) return null;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The members of a request's body. */
export function bodyOf(p: Parameters): Record<string, unknown> {
  const body: Record<string, unknown> = {};
  for (const { name } of ranges) if (p[name] !== undefined) body[name] = p[name];
  const stop = p.stop?.split("\n").filter(Boolean);
  if (stop?.length) body.stop = stop;
  const tools = parseList(p.tools);
  if (tools?.length) body.tools = tools;
  return { ...body, ...parseObject(p.extra) };
}
