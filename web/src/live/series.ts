// What the live page draws, each value from two readings of /metrics some seconds apart.
import type { Key } from "../text/en";
import { bytes, count, percent, rate, seconds } from "../lib/format";
import { buckets, quantile, type Sample, sum } from "./prometheus";
import type { Reading } from "./history";

/** Two readings of one model's samples, or of all models' for an empty name. */
export interface Pair {
  before: Reading;
  after: Reading;
  model: string;
}

export interface Line {
  label: Key;
  value: (pair: Pair) => number | null;
  dashed?: boolean;
}

export interface Chart {
  title: Key;
  unit?: Key;
  lines: Line[];
  format: (value: number) => string;
  max?: number;       // the least top of the scale
  stacked?: boolean;  // lines are parts of a whole: each is drawn on top of the ones before
}

const now = (name: string, labels?: Record<string, string>) => (p: Pair) =>
  sum(p.after.samples, name, p.model, labels);
const gained = (name: string) => (p: Pair) => {
  const of = (samples: Sample[]) => sum(samples, name, p.model);
  return Math.max(0, of(p.after.samples) - of(p.before.samples));
};
const perSecond = (name: string) => (p: Pair) =>
  gained(name)(p) / Math.max(p.after.at - p.before.at, 0.1);
const share = (part: string, whole: string) => (p: Pair) => {
  const all = gained(whole)(p);
  return all > 0 ? gained(part)(p) / all : null;
};
const latency = (name: string, q: number) => (p: Pair) =>
  quantile(q, buckets(p.before.samples, name, p.model), buckets(p.after.samples, name, p.model));

const latencyLines = (name: string): Line[] => [
  { label: "live.median", value: latency(name, 0.5) },
  { label: "live.p95", value: latency(name, 0.95), dashed: true },
];

export const charts: Chart[] = [
  {
    title: "live.speed", unit: "live.speed.unit", format: rate,
    lines: [
      { label: "live.generated", value: perSecond("vllm:generation_tokens_total") },
      { label: "live.prompt", value: perSecond("vllm:prompt_tokens_total"), dashed: true },
    ],
  },
  {
    title: "live.requests", format: count, max: 4,
    lines: [
      { label: "live.running", value: now("vllm:num_requests_running") },
      { label: "live.waiting", value: now("vllm:num_requests_waiting"), dashed: true },
    ],
  },
  { title: "live.first", format: seconds,
    lines: latencyLines("vllm:time_to_first_token_seconds") },
  { title: "live.between", format: seconds,
    lines: latencyLines("vllm:inter_token_latency_seconds") },
  { title: "live.whole", format: seconds,
    lines: latencyLines("vllm:e2e_request_latency_seconds") },
  {
    title: "live.kv", unit: "live.kv.unit", format: count, max: 8, stacked: true,
    lines: [
      { label: "live.used", value: now("strata:kv_blocks", { state: "used" }) },
      { label: "live.cached", value: now("strata:kv_blocks", { state: "cached" }) },
      { label: "live.ram", value: now("strata:kv_tier_blocks", { tier: "memory" }) },
      { label: "live.disk", value: now("strata:kv_tier_blocks", { tier: "disk" }) },
    ],
  },
  {
    title: "live.prefix", unit: "live.prefix.unit", format: percent, max: 1,
    lines: [{ label: "live.hits",
              value: share("vllm:prefix_cache_hits_total", "vllm:prefix_cache_queries_total") }],
  },
  {
    title: "live.batch", unit: "live.batch.unit", format: rate, max: 4,
    lines: [{
      label: "live.generated",
      value: (p) => {
        const steps = gained("strata:steps_total")(p);
        return steps > 0 ? gained("vllm:generation_tokens_total")(p) / steps : null;
      },
    }],
  },
];

export const totals: { label: Key; value: (p: Pair) => string }[] = [
  { label: "live.finished", value: (p) => count(now("vllm:request_success_total")(p)) },
  { label: "live.errors", value: (p) => count(sum(p.after.samples, "strata:request_errors_total",
                                                  "")) },
  { label: "models.memory", value: (p) => bytes(sum(p.after.samples, "strata:model_memory_bytes",
                                                    "")) },
];
