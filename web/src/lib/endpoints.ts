// What the server offers: pages show only what it can do.
import { get } from "./api";
import { store } from "./store";

export interface Endpoint {
  method: string;
  path: string;
  summary: string;
}

export const endpoints = store<Endpoint[]>([]);

let asked: Promise<void> | null = null;

/** Asks once; again only after a failure. */
export function loadEndpoints(): Promise<void> {
  asked ??= get<{ endpoints: Endpoint[] }>("/endpoints").then(
    (found) => endpoints.set(found.endpoints),
    (error) => {
      asked = null;
      throw error;
    });
  return asked;
}

export const offers = (path: string): boolean => endpoints.get().some((e) => e.path === path);
