// The text of /metrics as samples, and what can be read from them.

export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

export function parse(text: string): Sample[] {
  const samples: Sample[] = [];
  for (const line of text.split("\n")) {
    const found = /^([\w:]+)(?:\{(.*)\})? (\S+)/.exec(line);
    if (!found) continue;
    const labels: Record<string, string> = {};
    for (const [, name, value] of (found[2] ?? "").matchAll(/(\w+)="((?:\\.|[^"\\])*)"/g))
      labels[name!] = value!.replace(/\\(.)/g, (_, c: string) => (c === "n" ? "\n" : c));
    samples.push({ name: found[1]!, labels, value: found[3] === "+Inf" ? Infinity : +found[3]! });
  }
  return samples;
}

/** The sum of a name's samples that carry the labels; of all models for an empty model name. */
export function sum(samples: Sample[], name: string, model: string,
                    labels: Record<string, string> = {}): number {
  let total = 0;
  for (const s of samples)
    if (s.name === name && (!model || !s.labels.model_name || s.labels.model_name === model) &&
        Object.entries(labels).every(([k, v]) => s.labels[k] === v))
      total += s.value;
  return total;
}

/** Cumulative counts by upper bound, ascending. */
export type Buckets = [bound: number, count: number][];

export function buckets(samples: Sample[], name: string, model: string): Buckets {
  const counts = new Map<number, number>();
  for (const s of samples) {
    if (s.name !== `${name}_bucket` || (model && s.labels.model_name !== model)) continue;
    const bound = s.labels.le === "+Inf" ? Infinity : +s.labels.le!;
    counts.set(bound, (counts.get(bound) ?? 0) + s.value);
  }
  return [...counts].sort((a, b) => a[0] - b[0]);
}

/** The q-quantile of what was observed between two readings, interpolated within its bucket as
    Prometheus does; null when nothing was. */
export function quantile(q: number, before: Buckets, after: Buckets): number | null {
  const old = new Map(before);
  const gained = after.map(([bound, n]) => [bound, n - (old.get(bound) ?? 0)] as const);
  const total = gained.at(-1)?.[1] ?? 0;
  if (total <= 0) return null;
  const wanted = q * total;
  let lower = 0, below = 0;
  for (const [bound, n] of gained) {
    if (n >= wanted) {
      if (bound === Infinity) return lower;
      return lower + ((bound - lower) * (wanted - below)) / Math.max(n - below, 1e-9);
    }
    lower = bound;
    below = n;
  }
  return lower;
}
