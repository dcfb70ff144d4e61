// Readings of /metrics over the last minutes, one a second while somebody looks.
import { request } from "../lib/api";
import { store } from "../lib/store";
import { parse, type Sample } from "./prometheus";

export interface Reading {
  at: number;        // seconds, Unix time
  samples: Sample[];
}

const everyMs = 1000;
const keepS = 15 * 60;

export const history = store<Reading[]>([]);
export const lost = store(false);

let lookers = 0;
let timer = 0;

async function read(): Promise<void> {
  try {
    const text = await (await request("GET", "/metrics")).text();
    const at = Date.now() / 1000;
    const kept = history.get().filter((r) => r.at > at - keepS);
    history.set([...kept, { at, samples: used(parse(text)) }]);
    lost.set(false);
  } catch {
    lost.set(true);
  }
  if (lookers > 0) timer = window.setTimeout(read, everyMs);
}

/** Minutes of readings are kept: only what is drawn. */
function used(samples: Sample[]): Sample[] {
  return samples.filter((s) => /^(vllm|strata):/.test(s.name));
}

export function watch(): () => void {
  if (++lookers === 1) void read();
  return () => {
    if (--lookers === 0) clearTimeout(timer);
  };
}
