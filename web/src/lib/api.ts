// Requests to the server, with the key that the reader has given.
import { kept, store } from "./store";

export const apiKey = kept("key", "");
/** Set when the server refused for want of a key: the shell then asks for one. */
export const keyWanted = store(false);

export class ApiError extends Error {
  constructor(readonly status: number, message: string) {
    super(message);
  }
}

export function headers(withBody: boolean): Record<string, string> {
  const out: Record<string, string> = {};
  if (withBody) out["Content-Type"] = "application/json";
  if (apiKey.get()) out.Authorization = `Bearer ${apiKey.get()}`;
  return out;
}

async function message(response: Response): Promise<string> {
  const text = await response.text().catch(() => "");
  try {
    const { error } = JSON.parse(text) as { error?: string | { message?: string } };
    const found = typeof error === "string" ? error : error?.message;
    if (found) return found;
  } catch {
    // Not JSON: the text itself has to do.
  }
  return text.slice(0, 300) || `${response.status} ${response.statusText}`;
}

/** Throws ApiError for a status of 400 and more. */
export async function request(method: string, path: string, body?: unknown,
                              signal?: AbortSignal): Promise<Response> {
  const response = await fetch(path, {
    method,
    headers: headers(body !== undefined),
    body: body === undefined ? undefined : JSON.stringify(body),
    signal,
  });
  if (response.ok) return response;
  if (response.status === 401) keyWanted.set(true);
  throw new ApiError(response.status, await message(response));
}

export async function get<T>(path: string): Promise<T> {
  return (await request("GET", path)).json() as Promise<T>;
}

export const textOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);
