// Fetching a model, with its progress; it can be stopped and goes on where it was.
import { useRef, useState } from "preact/hooks";

import { textOf } from "../lib/api";
import { bytes, percent } from "../lib/format";
import { t } from "../text/text";
import { Button } from "../ui/button";
import { type Progress, pullModel } from "./catalogue";

export function Pull({ onDone }: { onDone: () => void }) {
  const [name, setName] = useState("");
  const [progress, setProgress] = useState<Progress | null>(null);
  const [outcome, setOutcome] = useState<{ text: string; bad: boolean } | null>(null);
  const control = useRef<AbortController | null>(null);

  const start = async (e: Event) => {
    e.preventDefault();
    if (progress || !name.trim()) return;
    const { signal } = (control.current = new AbortController());
    setOutcome(null);
    setProgress({ status: "" });
    try {
      await pullModel(name.trim(), signal, setProgress);
      setOutcome({ text: t("models.pull.done", { name: name.trim() }), bad: false });
      setName("");
    } catch (error) {
      setOutcome(signal.aborted
        ? { text: t("models.pull.stopped"), bad: false } : { text: textOf(error), bad: true });
    }
    setProgress(null);
    onDone();
  };
  const { completed = 0, total = 0 } = progress ?? {};
  return (
    <form class="pull" onSubmit={start} aria-label={t("models.pull.title")}>
      <label for="pull-name">{t("models.pull.title")}</label>
      <div class="pull-row">
        <input id="pull-name" type="text" value={name} spellcheck={false} autocomplete="off"
               placeholder={t("models.pull.what")} disabled={!!progress}
               aria-describedby="pull-hint" onInput={(e) => setName(e.currentTarget.value)} />
        {progress
          ? <Button onClick={() => control.current?.abort()}>{t("chat.stop")}</Button>
          : <Button kind="main" type="submit" disabled={!name.trim()}>{t("models.pull")}</Button>}
      </div>
      {progress ? (
        <div class="pull-progress">
          <progress value={total ? completed : undefined} max={total || undefined}
                    aria-label={t("models.pull.title")} />
          <p class="quiet">
            {progress.status}
            {total > 0 &&
              ` · ${bytes(completed)} / ${bytes(total)} · ${percent(completed / total)}`}
          </p>
        </div>
      ) : <p class="quiet" id="pull-hint">{t("models.pull.hint")}</p>}
      {outcome && (
        <p class={outcome.bad ? "notice" : "quiet"} role={outcome.bad ? "alert" : "status"}>
          {outcome.text}
        </p>
      )}
    </form>
  );
}
