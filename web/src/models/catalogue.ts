// What the server knows of its models, and what can be done to them.
import { get, request } from "../lib/api";
import { loadEndpoints, offers } from "../lib/endpoints";
import { lines } from "../lib/lines";
import type { Model } from "../lib/models";

export interface Details {
  format?: string;
  family?: string;
  parameter_size?: string;
}

interface Tag {
  name: string;
  size: number;
  details?: Details;
}

interface Running {
  name: string;
  size: number;
  state: string;
  progress: number;
  users: number;
  waiting: number;
  pinned: boolean;
  expires_at: string;
}

export interface Row {
  name: string;
  phase: "cold" | "loading" | "ready" | "leaving";
  fileBytes: number;
  memoryBytes: number;
  progress: number;
  users: number;
  waiting: number;
  pinned: boolean;
  expiresS: number | null;   // null: it stays
  context: number | null;
  details: Details;
}

const longestS = 10 * 365 * 86400;   // later than that is for ever

async function listed<T>(path: string): Promise<{ models: T[] }> {
  return offers(path) ? get(path) : { models: [] };
}

export async function readModels(): Promise<Row[]> {
  await loadEndpoints();
  const [served, tags, running] = await Promise.all([
    get<{ data: Model[] }>("/v1/models"),
    listed<Tag>("/api/tags"),
    listed<Running>("/api/ps"),
  ]);
  return served.data.map((model) => {
    const tag = tags.models.find((m) => m.name === model.id);
    const live = running.models.find((m) => m.name === model.id);
    const left = live ? (Date.parse(live.expires_at) - Date.now()) / 1000 : 0;
    return {
      name: model.id,
      phase: model.state ?? "ready",
      fileBytes: tag?.size ?? 0,
      memoryBytes: live?.size ?? 0,
      progress: live?.progress ?? 0,
      users: live?.users ?? 0,
      waiting: live?.waiting ?? 0,
      pinned: live?.pinned ?? false,
      expiresS: left > longestS || !live ? null : Math.max(0, left),
      context: model.max_model_len ?? null,
      details: tag?.details ?? {},
    };
  });
}

export interface Shown {
  details: Details;
  model_info: Record<string, string | number>;
  capabilities: string[];
  template: string;
}

export const showModel = async (model: string): Promise<Shown> =>
  (await request("POST", "/api/show", { model })).json() as Promise<Shown>;

/** An empty request loads a model; one that keeps it for no time unloads it. */
export const loadModel = (model: string) =>
  request("POST", "/api/generate", { model, stream: false });
export const unloadModel = (model: string) =>
  request("POST", "/api/generate", { model, stream: false, keep_alive: 0 });
export const deleteModel = (model: string) => request("DELETE", "/api/delete", { model });

export interface Progress {
  status: string;
  completed?: number;
  total?: number;
}

/** Throws the server's word when the pull fails. */
export async function pullModel(model: string, signal: AbortSignal,
                                onProgress: (p: Progress) => void): Promise<void> {
  const response = await request("POST", "/api/pull", { model, stream: true }, signal);
  for await (const line of lines(response.body!)) {
    if (!line.trim()) continue;
    const part = JSON.parse(line) as Progress & { error?: string };
    if (part.error) throw new Error(part.error);
    onProgress(part);
  }
}
