// The live page: what the server does now and did in the last minutes.
import { useEffect, useMemo, useState } from "preact/hooks";

import { get } from "../lib/api";
import { loadEndpoints, offers } from "../lib/endpoints";
import { count } from "../lib/format";
import { kept, useStore } from "../lib/store";
import { t } from "../text/text";
import { Button } from "../ui/button";
import { Icon } from "../ui/icons";
import { history, lost, type Reading, watch } from "./history";
import { Plot } from "./plot";
import { charts, type Pair, totals } from "./series";

const smoothS = 5;   // rates and quantiles are of so many seconds
const spans = [1, 5, 15];

const span = kept("live.span", 5);

function modelsIn(readings: Reading[]): string[] {
  const names = readings.at(-1)?.samples.map((s) => s.labels.model_name);
  return [...new Set(names)].filter((name) => name !== undefined).sort();
}

/** Each reading with the one some seconds before it. */
function pairs(readings: Reading[], model: string, sinceS: number): Pair[] {
  const out: Pair[] = [];
  let from = 0;
  readings.forEach((after, i) => {
    if (i === 0) return;
    while (from < i - 1 && readings[from + 1]!.at <= after.at - smoothS) ++from;
    if (after.at >= sinceS) out.push({ before: readings[from]!, after, model });
  });
  return out;
}

export function Live() {
  const all = useStore(history);
  const gone = useStore(lost);
  const minutes = useStore(span);
  const [model, setModel] = useState("");
  const [frozen, setFrozen] = useState<Reading[] | null>(null);
  useEffect(watch, []);

  const readings = frozen ?? all;
  const shown = useMemo(() => {
    const end = readings.at(-1)?.at ?? 0;
    const list = pairs(readings, model, end - minutes * 60);
    return {
      times: list.map((p) => p.after.at),
      values: charts.map((chart) => chart.lines.map((line) => list.map(line.value))),
      last: list.at(-1),
    };
  }, [readings, model, minutes]);

  return (
    <div class="page live">
      <header class="page-header">
        <h1>{t("live.title")}</h1>
        <label>
          <span class="unseen">{t("live.model")}</span>
          <select value={model} onChange={(e) => setModel(e.currentTarget.value)}>
            <option value="">{t("live.all")}</option>
            {modelsIn(readings).map((name) => <option key={name}>{name}</option>)}
          </select>
        </label>
        <div class="choice" role="group" aria-label={t("live.span")}>
          {spans.map((n) => (
            <button type="button" key={n} aria-pressed={n === minutes} onClick={() => span.set(n)}>
              {t("live.minutes", { n })}
            </button>
          ))}
        </div>
        <Button onClick={() => setFrozen(frozen ? null : all)}>
          <Icon name={frozen ? "play" : "pause"} size={14} />
          {t(frozen ? "live.resume" : "live.pause")}
        </Button>
        <dl class="totals">
          {totals.map(({ label, value }) => (
            <div key={label}>
              <dt>{t(label)}</dt>
              <dd>{shown.last ? value(shown.last) : "–"}</dd>
            </div>
          ))}
        </dl>
      </header>
      {gone && <p class="notice" role="alert">{t("live.lost")}</p>}
      <div class="charts">
        {charts.map((chart, i) => (
          <Plot key={chart.title} chart={chart} times={shown.times} values={shown.values[i]!} />
        ))}
      </div>
      <UseByKey />
    </div>
  );
}

interface Usage {
  key: string;
  day: string;
  model: string;
  requests: number;
  prompt_tokens: number;
  completion_tokens: number;
}

const usageEveryMs = 5000;

/** Tokens by API key; nothing on a server without keys. */
function UseByKey() {
  const [rows, setRows] = useState<Usage[]>([]);
  useEffect(() => {
    const read = async () => {
      try {
        await loadEndpoints();
        if (offers("/v1/usage")) setRows((await get<{ data: Usage[] }>("/v1/usage")).data);
      } catch {
        // The charts say that the server is gone.
      }
    };
    void read();
    const timer = setInterval(read, usageEveryMs);
    return () => clearInterval(timer);
  }, []);
  if (rows.length === 0) return null;
  return (
    <section>
      <h2>{t("live.keys")}</h2>
      <div class="table-scroll" tabIndex={0} role="group" aria-label={t("live.keys")}>
        <table class="rows">
          <thead>
            <tr>
              <th>{t("live.keys.key")}</th><th>{t("live.keys.day")}</th><th>{t("live.model")}</th>
              <th class="number">{t("live.keys.requests")}</th>
              <th class="number">{t("live.keys.prompt")}</th>
              <th class="number">{t("live.keys.completion")}</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((u) => (
              <tr key={u.key + u.day + u.model}>
                <td>{u.key}</td><td>{u.day}</td><td>{u.model}</td>
                <td class="number">{count(u.requests)}</td>
                <td class="number">{count(u.prompt_tokens)}</td>
                <td class="number">{count(u.completion_tokens)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
