// Where the next message is written: Enter sends, Shift+Enter begins a line; files come as text.
import { useEffect, useRef, useState } from "preact/hooks";

import { readText } from "../lib/files";
import { count } from "../lib/format";
import { models } from "../lib/models";
import { store, useStore } from "../lib/store";
import { t } from "../text/text";
import { IconButton } from "../ui/button";
import { Icon } from "../ui/icons";
import type { Message, TextFile } from "./tree";

interface Props {
  model: string;
  busy: boolean;
  last: Message | undefined;
  onSend: (text: string, files: TextFile[]) => void;
  onStop: () => void;
}

// Of all conversations: what is half written survives a look at another page.
const draft = store("");

function usage(model: string, last: Message | undefined): string {
  if (last?.promptTokens === undefined) return "";
  const used = count(last.promptTokens + (last.tokens ?? 0));
  const max = models.get().find((m) => m.id === model)?.max_model_len;
  return max ? t("chat.usage", { used, max: count(max) }) : t("chat.usage.plain", { used });
}

export function Composer({ model, busy, last, onSend, onStop }: Props) {
  const text = useStore(draft);
  const [files, setFiles] = useState<TextFile[]>([]);
  const [refused, setRefused] = useState<string[]>([]);
  const [dropping, setDropping] = useState(false);
  const area = useRef<HTMLTextAreaElement>(null);
  const picker = useRef<HTMLInputElement>(null);
  const sendable = !busy && model !== "" && (text.trim() !== "" || files.length > 0);

  useEffect(() => {
    const box = area.current!;
    box.style.height = "auto";
    box.style.height = `${box.scrollHeight}px`;
  }, [text]);

  const send = () => {
    if (!sendable) return;
    onSend(text.trim(), files);
    draft.set("");
    setFiles([]);
    setRefused([]);
    area.current?.focus();
  };
  const attach = async (list: FileList | File[]) => {
    const read = await Promise.all([...list].map(async (file) => (
      { name: file.name, text: await readText(file) })));
    setFiles((old) => [...old, ...read.filter((f): f is TextFile => f.text !== null)]);
    setRefused(read.filter((f) => f.text === null).map((f) => f.name));
  };
  const onKeyDown = (e: KeyboardEvent) => {
    // While an input method composes, Enter chooses a word.
    if (e.key !== "Enter" || e.shiftKey || e.isComposing) return;
    e.preventDefault();
    send();
  };
  return (
    <form class={dropping ? "composer dropping" : "composer"}
          onSubmit={(e) => (e.preventDefault(), send())}
          onDragOver={(e) => (e.preventDefault(), setDropping(true))}
          onDragLeave={() => setDropping(false)}
          onDrop={(e) => {
            e.preventDefault();
            setDropping(false);
            if (e.dataTransfer) void attach(e.dataTransfer.files);
          }}>
      {refused.map((name) => (
        <p class="notice" role="alert" key={name}>{t("chat.attach.failed", { name })}</p>
      ))}
      <div class="composer-box">
        {files.length > 0 && (
          <ul class="chips">
            {files.map((f, i) => (
              <li key={i}>
                <Icon name="file" size={14} />{f.name}
                <IconButton icon="close" size={14} label={t("chat.file.remove", { name: f.name })}
                            onClick={() => setFiles(files.filter((_, j) => j !== i))} />
              </li>
            ))}
          </ul>
        )}
        <textarea ref={area} rows={1} value={text} aria-label={t("chat.input")}
                  placeholder={model ? t("chat.placeholder", { model })
                                     : t("chat.placeholder.none")}
                  onInput={(e) => draft.set(e.currentTarget.value)} onKeyDown={onKeyDown}
                  onPaste={(e) => {
                    const pasted = e.clipboardData?.files;
                    if (!pasted?.length) return;
                    e.preventDefault();
                    void attach(pasted);
                  }} />
        <div class="composer-row">
          <IconButton icon="attach" label={t("chat.attach")}
                      onClick={() => picker.current?.click()} />
          <input ref={picker} type="file" multiple hidden
                 onChange={(e) => {
                   void attach([...e.currentTarget.files ?? []]);
                   e.currentTarget.value = "";
                 }} />
          <span class="quiet">{usage(model, last)}</span>
          {busy ? <IconButton icon="stop" kind="main" label={t("chat.stop")} onClick={onStop} />
                : <IconButton icon="send" kind="main" type="submit" label={t("chat.send")}
                              disabled={!sendable} />}
        </div>
      </div>
    </form>
  );
}
