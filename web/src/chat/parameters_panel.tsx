// The parameters of the next requests.
import { useStore } from "../lib/store";
import type { Key } from "../text/en";
import { t } from "../text/text";
import { Button, IconButton } from "../ui/button";
import { type Parameters, parameters, parseList, parseObject, type Range,
         ranges } from "./parameters";

const set = (part: Partial<Parameters>) => parameters.set({ ...parameters.get(), ...part });

function NumberField({ range: { name, min, max, step }, value }: { range: Range; value?: number }) {
  const id = `parameter-${name}`;
  const slides = max <= 2;
  const rest = name === "min_p" || min < 0 ? 0 : 1;   // where the slider stands while unset
  const take = (text: string) => {
    const number = text === "" ? undefined : +text;
    if (number === undefined || number === number)
      set({ [name]: number === undefined ? undefined : Math.min(max, Math.max(min, number)) });
  };
  return (
    <div class="parameter">
      <label for={id}>{t(`parameters.${name}` as Key)}</label>
      <input id={id} type="number" min={min} max={max} step={step} value={value ?? ""}
             placeholder={t("parameters.default")} onChange={(e) => take(e.currentTarget.value)} />
      {slides && (
        <input type="range" min={min} max={max} step={step} value={value ?? rest}
               class={value === undefined ? "unset" : ""} tabIndex={-1} aria-hidden="true"
               onInput={(e) => take(e.currentTarget.value)} />
      )}
    </div>
  );
}

function Text({ name, value, rows, bad, code }: {
  name: "system" | "stop" | "tools" | "extra"; value?: string; rows: number; bad?: boolean;
  code?: boolean;
}) {
  const id = `parameter-${name}`;
  return (
    <div class="parameter text">
      <label for={id}>{t(`parameters.${name}`)}</label>
      <textarea id={id} rows={rows} class={code ? "wide mono" : "wide"} value={value ?? ""}
                spellcheck={!code} aria-invalid={bad}
                onInput={(e) => set({ [name]: e.currentTarget.value || undefined })} />
      {bad && <p class="notice" role="alert">{t("parameters.bad")}</p>}
    </div>
  );
}

export function ParametersPanel({ onClose }: { onClose: () => void }) {
  const p = useStore(parameters);
  return (
    <aside class="panel" aria-label={t("parameters.title")}>
      <header>
        <h2>{t("parameters.title")}</h2>
        <Button onClick={() => parameters.set({})}>{t("parameters.reset")}</Button>
        <IconButton icon="close" label={t("close")} onClick={onClose} />
      </header>
      <Text name="system" value={p.system} rows={4} />
      {ranges.map((range) => <NumberField key={range.name} range={range} value={p[range.name]} />)}
      <Text name="stop" value={p.stop} rows={2} code />
      <Text name="tools" value={p.tools} rows={4} code bad={parseList(p.tools) === undefined} />
      <Text name="extra" value={p.extra} rows={3} code bad={parseObject(p.extra) === undefined} />
    </aside>
  );
}
