// Above a conversation: model, parameters, and what can be done with the whole.
import { useRef, useState } from "preact/hooks";

import { readText } from "../lib/files";
import { models } from "../lib/models";
import { go } from "../lib/route";
import { useStore } from "../lib/store";
import { t } from "../text/text";
import { Button, IconButton } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { type Action, Menu } from "../ui/menu";
import { listOpen } from "./chat";
import { currentModel } from "./conversation";
import { exportJson, exportMarkdown, importJson } from "./export";
import { remove, update } from "./library";
import { chosenModel } from "./parameters";
import type { Conversation } from "./tree";

interface Props {
  conversation: Conversation | undefined;
  panel: boolean;
  onPanel: () => void;
  onNew: () => void;
}

export function Header({ conversation, panel, onPanel, onNew }: Props) {
  const served = useStore(models);
  const [dialog, setDialog] = useState<"rename" | "delete" | "import" | null>(null);
  const picker = useRef<HTMLInputElement>(null);
  const close = () => setDialog(null);

  const actions: Action[] = [
    { icon: "upload", label: t("chat.import"), run: () => picker.current?.click() },
  ];
  if (conversation)
    actions.unshift(
      { icon: "edit", label: t("chat.rename"), run: () => setDialog("rename") },
      { icon: "download", label: t("chat.export.markdown"),
        run: () => exportMarkdown(conversation) },
      { icon: "download", label: t("chat.export.json"), run: () => exportJson(conversation) });
  if (conversation)
    actions.push({ icon: "trash", label: t("chat.delete"), run: () => setDialog("delete") });

  const take = async (file: File | undefined) => {
    const text = file ? await readText(file) : null;
    const id = text === null ? null : importJson(text);
    if (id) go("chat", id);
    else setDialog("import");
  };
  return (
    <header class="chat-header">
      <span class="narrow-only">
        <IconButton icon="menu" label={t("chat.list")} onClick={() => listOpen.set(true)} />
      </span>
      <select class="model-choice" aria-label={t("chat.model")} value={currentModel()}
              onChange={(e) => chosenModel.set(e.currentTarget.value)}>
        {served.map((m) => <option key={m.id} value={m.id}>{m.id}</option>)}
      </select>
      <h1 class="title">{conversation?.title ?? ""}</h1>
      <span class="narrow-only">
        <IconButton icon="plus" label={t("chat.new")} onClick={onNew} />
      </span>
      <IconButton icon="sliders" label={t("parameters.title")} expanded={panel}
                  onClick={onPanel} />
      <Menu label={t("more")} actions={actions} />
      <input ref={picker} type="file" accept=".json,application/json" hidden
             onChange={(e) => (void take(e.currentTarget.files?.[0]),
                               e.currentTarget.value = "")} />

      {dialog === "import" && (
        <Dialog title={t("chat.import")} onClose={close}>
          <p>{t("chat.import.failed")}</p>
        </Dialog>
      )}
      {dialog === "rename" && conversation && (
        <Rename conversation={conversation} onClose={close} />
      )}
      {dialog === "delete" && conversation && (
        <Dialog title={t("chat.delete")} onClose={close}>
          <p>{t("chat.delete.sure", { title: conversation.title })}</p>
          <div class="dialog-actions">
            <Button onClick={close}>{t("cancel")}</Button>
            <Button kind="danger" onClick={() => (remove(conversation.id), go("chat"))}>
              {t("delete")}
            </Button>
          </div>
        </Dialog>
      )}
    </header>
  );
}

function Rename({ conversation, onClose }: { conversation: Conversation; onClose: () => void }) {
  const [title, setTitle] = useState(conversation.title);
  const save = (e: Event) => {
    e.preventDefault();
    update(conversation.id, (c) => ({ ...c, title: title.trim() || c.title }));
    onClose();
  };
  return (
    <Dialog title={t("chat.rename")} onClose={onClose}>
      <form onSubmit={save}>
        <input type="text" class="wide" value={title} aria-label={t("chat.rename")} maxLength={120}
               onInput={(e) => setTitle(e.currentTarget.value)} autoFocus />
        <div class="dialog-actions">
          <Button onClick={onClose}>{t("cancel")}</Button>
          <Button kind="main" type="submit">{t("save")}</Button>
        </div>
      </form>
    </Dialog>
  );
}
