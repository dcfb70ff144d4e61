// The conversations of this browser, kept in its database; in memory alone where it has none.
import { store } from "../lib/store";
import { type Conversation, empty } from "./tree";

const name = "strata";
const table = "conversations";
const saveAfterMs = 400;   // a growing answer is not written at every token

export const conversations = store<Record<string, Conversation>>({});
export const ready = store(false);
/** False where the browser keeps nothing. */
export const durable = store(true);

let database: IDBDatabase | null = null;

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(table, { keyPath: "id" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function readAll(db: IDBDatabase): Promise<Conversation[]> {
  return new Promise((resolve, reject) => {
    const request = db.transaction(table).objectStore(table).getAll();
    request.onsuccess = () => resolve(request.result as Conversation[]);
    request.onerror = () => reject(request.error);
  });
}

export async function load(): Promise<void> {
  try {
    database = await open();
    const found: Record<string, Conversation> = {};
    for (const c of await readAll(database)) found[c.id] = ended(c);
    conversations.set({ ...found, ...conversations.get() });
  } catch {
    durable.set(false);
  }
  ready.set(true);
}

/** An answer that was growing when the page was closed grows no more. */
function ended(c: Conversation): Conversation {
  const messages = Object.fromEntries(Object.entries(c.messages).map(([id, m]) =>
    [id, m.role === "assistant" && !m.finish ? { ...m, finish: "cancelled" } : m]));
  return { ...c, messages };
}

const unsaved = new Set<string>();
let timer = 0;

function flush(): void {
  clearTimeout(timer);
  timer = 0;
  if (!database || unsaved.size === 0) return;
  const rows = database.transaction(table, "readwrite").objectStore(table);
  for (const id of unsaved) {
    const c = conversations.get()[id];
    if (c) rows.put(c);
    else rows.delete(id);
  }
  unsaved.clear();
}
addEventListener("pagehide", flush);

function touch(id: string): void {
  unsaved.add(id);
  if (!timer) timer = window.setTimeout(flush, saveAfterMs);
}

export function put(c: Conversation): void {
  conversations.set({ ...conversations.get(), [c.id]: c });
  touch(c.id);
}

export function update(id: string, change: (c: Conversation) => Conversation): void {
  const c = conversations.get()[id];
  if (c) put(change(c));
}

export function create(): Conversation {
  const c = empty();
  put(c);
  return c;
}

export function remove(id: string): void {
  const { [id]: _, ...rest } = conversations.get();
  conversations.set(rest);
  touch(id);
}
