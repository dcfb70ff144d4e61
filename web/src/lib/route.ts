// Where the reader is: "#/chat/ID" is ["chat", "ID"].
import { store } from "./store";

function read(): string[] {
  const parts = location.hash.replace(/^#\/?/, "").split("/").filter(Boolean);
  return parts.map((part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  });
}

export const route = store<string[]>(read());
addEventListener("hashchange", () => route.set(read()));

export function path(...parts: string[]): string {
  return "#/" + parts.map(encodeURIComponent).join("/");
}

export function go(...parts: string[]): void {
  location.hash = path(...parts);
}

/** Changes the address without a step in the history. */
export function replace(...parts: string[]): void {
  history.replaceState(null, "", path(...parts));
  route.set(read());
}
