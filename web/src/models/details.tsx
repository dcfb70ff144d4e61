// What a model is, by the server's word.
import { useEffect, useState } from "preact/hooks";

import { textOf } from "../lib/api";
import { count, parameters } from "../lib/format";
import { t } from "../text/text";
import { Dialog } from "../ui/dialog";
import { type Shown, showModel } from "./catalogue";

function rowsOf(shown: Shown): [string, string][] {
  const info = shown.model_info;
  const arch = String(info["general.architecture"] ?? "");
  const number = (key: string) => (typeof info[key] === "number" ? info[key] : 0);
  const rows: [string, string][] = [
    [t("models.family"), arch],
    [t("models.parameters"), parameters(number("general.parameter_count"))],
    [t("models.context"), count(number(`${arch}.context_length`))],
    [t("models.vocabulary"), count(number(`${arch}.vocab_size`))],
    [t("models.format"), shown.details.format ?? ""],
    [t("models.capabilities"), shown.capabilities.join(", ")],
  ];
  return rows.filter(([, value]) => value !== "" && value !== "0");
}

export function DetailsDialog({ name, onClose }: { name: string; onClose: () => void }) {
  const [shown, setShown] = useState<Shown | null>(null);
  const [error, setError] = useState("");
  useEffect(() => {
    showModel(name).then(setShown, (e) => setError(textOf(e)));
  }, [name]);
  return (
    <Dialog title={name} onClose={onClose}>
      {error && <p class="notice" role="alert">{error}</p>}
      {!shown && !error && <p class="quiet" role="status">{t("models.working")}</p>}
      {shown && (
        <>
          <dl class="facts">
            {rowsOf(shown).map(([label, value]) => (
              <div key={label}><dt>{label}</dt><dd>{value}</dd></div>
            ))}
          </dl>
          {shown.template && (
            <details class="fold">
              <summary>{t("models.template")}</summary>
              <div class="fold-body"><pre tabIndex={0}>{shown.template}</pre></div>
            </details>
          )}
        </>
      )}
    </Dialog>
  );
}
