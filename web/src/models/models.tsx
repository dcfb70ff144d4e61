// The models page: what there is, what is in memory, and what can be done about it.
import { useEffect, useState } from "preact/hooks";

import { chosenModel } from "../chat/parameters";
import { request, textOf } from "../lib/api";
import { bytes, count, seconds } from "../lib/format";
import { offers } from "../lib/endpoints";
import { refreshModels } from "../lib/models";
import { go } from "../lib/route";
import { parse, sum } from "../live/prometheus";
import { t } from "../text/text";
import { Button, IconButton } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { type Action, Menu } from "../ui/menu";
import { deleteModel, loadModel, readModels, type Row, unloadModel } from "./catalogue";
import { DetailsDialog } from "./details";
import { Pull } from "./pull";

const everyMs = 1000;

interface Memory {
  models: number;
  limit: number;
  process: number;
}

async function readMemory(): Promise<Memory> {
  const samples = parse(await (await request("GET", "/metrics")).text());
  return {
    models: sum(samples, "strata:model_memory_bytes", ""),
    limit: sum(samples, "strata:model_memory_limit_bytes", ""),
    process: sum(samples, "process_resident_memory_bytes", ""),
  };
}

export function Models() {
  const [rows, setRows] = useState<Row[]>([]);
  const [memory, setMemory] = useState<Memory | null>(null);
  const [error, setError] = useState("");
  const [failed, setFailed] = useState("");       // of what the reader did
  const [busy, setBusy] = useState<string[]>([]);
  const [details, setDetails] = useState("");
  const [doomed, setDoomed] = useState("");

  const refresh = async () => {
    try {
      const [now, used] = await Promise.all([readModels(), readMemory()]);
      setRows(now);
      setMemory(used);
      setError("");
    } catch (e) {
      setError(textOf(e));
    }
  };
  useEffect(() => {
    let timer = 0;
    let over = false;
    const loop = async () => {
      await refresh();
      if (!over) timer = window.setTimeout(loop, everyMs);
    };
    void loop();
    return () => {
      over = true;
      clearTimeout(timer);
      void refreshModels();
    };
  }, []);

  const act = async (name: string, work: (name: string) => Promise<unknown>) => {
    setBusy((now) => [...now, name]);
    setFailed("");
    try {
      await work(name);
    } catch (e) {
      setFailed(textOf(e));
    }
    setBusy((now) => now.filter((other) => other !== name));
    void refresh();
  };
  const loaded = rows.filter((row) => row.phase !== "cold").length;
  return (
    <div class="page models">
      <header class="page-header">
        <h1>{t("models.title")}</h1>
        {rows.length > 0 && (
          <p class="quiet">{t("models.count", { loaded, all: rows.length })}</p>
        )}
      </header>
      {(error || failed) && <p class="notice" role="alert">{error || failed}</p>}
      {memory && <MemoryBar memory={memory} rows={rows} />}
      {offers("/api/pull") && <Pull onDone={() => void refresh()} />}
      {rows.length === 0 ? !error && <p class="quiet">{t("models.none")}</p> : (
        <table class="rows models-table">
          <thead>
            <tr>
              <th>{t("models.name")}</th>
              <th>{t("models.state")}</th>
              <th class="number">{t("models.size")}</th>
              <th class="number">{t("models.memory")}</th>
              <th class="number">{t("models.context")}</th>
              <th><span class="unseen">{t("models.actions")}</span></th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <ModelRow key={row.name} row={row} busy={busy.includes(row.name)}
                        onLoad={() => void act(row.name, loadModel)}
                        onUnload={() => void act(row.name, unloadModel)}
                        onDetails={() => setDetails(row.name)}
                        onDelete={() => setDoomed(row.name)} />
            ))}
          </tbody>
        </table>
      )}
      {details && <DetailsDialog name={details} onClose={() => setDetails("")} />}
      {doomed && (
        <Dialog title={t("delete")} onClose={() => setDoomed("")}>
          <p>{t("models.delete.sure", { name: doomed })}</p>
          <div class="dialog-actions">
            <Button onClick={() => setDoomed("")}>{t("cancel")}</Button>
            <Button kind="danger"
                    onClick={() => (setDoomed(""), void act(doomed, deleteModel))}>
              {t("delete")}
            </Button>
          </div>
        </Dialog>
      )}
    </div>
  );
}

function MemoryBar({ memory, rows }: { memory: Memory; rows: Row[] }) {
  const whole = memory.limit || Math.max(memory.models, memory.process, 1);
  return (
    <section class="memory" aria-label={t("models.memory")}>
      <div class="bar" aria-hidden="true">
        {rows.filter((row) => row.memoryBytes > 0).map((row, i) => (
          <span key={row.name} class={`part part-${i % 4}`} title={row.name}
                style={{ width: `${(100 * row.memoryBytes) / whole}%` }} />
        ))}
      </div>
      <p>
        {t("models.memory.used", { used: bytes(memory.models) })}
        {memory.limit > 0 && ` / ${bytes(memory.limit)}`}
        <span class="quiet"> · {t("models.memory.process", { rss: bytes(memory.process) })}</span>
      </p>
    </section>
  );
}

interface RowProps {
  row: Row;
  busy: boolean;
  onLoad: () => void;
  onUnload: () => void;
  onDetails: () => void;
  onDelete: () => void;
}

function notes(row: Row): string {
  const out: string[] = [];
  if (row.pinned) out.push(t("models.pinned"));
  if (row.users > 0) out.push(t("models.users", { n: row.users }));
  if (row.waiting > 0) out.push(t("models.waiting", { n: row.waiting }));
  if (row.phase === "ready" && row.users === 0 && row.expiresS !== null)
    out.push(t("models.expires", { time: seconds(Math.round(row.expiresS)) }));
  return out.join(" · ");
}

function ModelRow({ row, busy, onLoad, onUnload, onDetails, onDelete }: RowProps) {
  const moving = row.phase === "loading" || row.phase === "leaving";
  const chat = () => {
    chosenModel.set(row.name);
    go("chat");
  };
  const actions: Action[] = [];
  if (offers("/api/show"))
    actions.push({ icon: "file", label: t("models.details", { name: row.name }), run: onDetails });
  if (offers("/api/delete"))
    actions.push({ icon: "trash", label: t("delete"), run: onDelete });
  return (
    <tr>
      <th scope="row">
        {offers("/api/show")
          ? <button type="button" class="link" onClick={onDetails}>{row.name}</button>
          : row.name}
        <small class="quiet">
          {[row.details.family, row.details.parameter_size, row.details.format]
            .filter(Boolean).join(" · ")}
        </small>
      </th>
      <td>
        <span class={`phase ${row.phase}`}>{t(`models.phase.${row.phase}`)}</span>
        {row.phase === "loading" && (
          <progress value={row.progress} max={1} aria-label={t("models.phase.loading")} />
        )}
        <small class="quiet">{notes(row)}</small>
      </td>
      <td class="number" data-label={t("models.size")}>
        {row.fileBytes ? bytes(row.fileBytes) : "–"}
      </td>
      <td class="number" data-label={t("models.memory")}>
        {row.memoryBytes ? bytes(row.memoryBytes) : "–"}
      </td>
      <td class="number" data-label={t("models.context")}>
        {row.context ? count(row.context) : "–"}
      </td>
      <td><div class="actions">
        <IconButton icon="chat" label={`${t("models.chat")}: ${row.name}`} onClick={chat} />
        {offers("/api/generate") && (row.phase === "ready"
          ? <Button onClick={onUnload} disabled={busy || row.pinned}>{t("models.unload")}</Button>
          : <Button onClick={onLoad} disabled={busy || moving}>{t("models.load")}</Button>)}
        {actions.length > 0 && <Menu label={`${t("more")}: ${row.name}`} actions={actions} />}
      </div></td>
    </tr>
  );
}
