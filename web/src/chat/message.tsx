// One message and what can be done with it.
import { Component, type ComponentChildren } from "preact";
import { useState } from "preact/hooks";

import { rate, seconds } from "../lib/format";
import { Markdown } from "../markdown/markdown";
import { models } from "../lib/models";
import { t } from "../text/text";
import { Button, CopyButton, IconButton } from "../ui/button";
import { Icon } from "../ui/icons";
import { update } from "./library";
import { children, choose, type Conversation, type Message, type TextFile } from "./tree";

interface Props {
  conversation: Conversation;
  message: Message;
  grows: boolean;
  isLast: boolean;
  onEdit: (text: string) => void;
  onRetry: () => void;
  onResults: (results: string[]) => void;
}

/** Messages that did not change keep their elements while another one grows. */
export class MessageView extends Component<Props> {
  shouldComponentUpdate(next: Props): boolean {
    const now = this.props;
    const size = (p: Props) => Object.keys(p.conversation.messages).length;
    return next.message !== now.message || next.grows !== now.grows ||
      next.isLast !== now.isLast || size(next) !== size(now);
  }
  render(props: Props) {
    switch (props.message.role) {
      case "user": return <UserMessage {...props} />;
      case "tool": return <ToolResult {...props} />;
      default: return <Answer {...props} />;
    }
  }
}

function Branches({ conversation, message }: { conversation: Conversation; message: Message }) {
  const siblings = children(conversation, message.parent);
  if (siblings.length < 2) return null;
  const at = siblings.findIndex((m) => m.id === message.id);
  const show = (step: number) => {
    const sibling = siblings[at + step];
    if (sibling) update(conversation.id, (c) => choose(c, sibling));
  };
  return (
    <span class="branches" role="group"
          aria-label={t("chat.branch", { at: at + 1, of: siblings.length })}>
      <IconButton icon="left" size={16} label={t("chat.branch.previous")} disabled={at === 0}
                  onClick={() => show(-1)} />
      <span aria-hidden="true">{at + 1}/{siblings.length}</span>
      <IconButton icon="right" size={16} label={t("chat.branch.next")}
                  disabled={at === siblings.length - 1} onClick={() => show(1)} />
    </span>
  );
}

function Fold({ icon, title, open, children: inside }: {
  icon: "thought" | "tool" | "file"; title: ComponentChildren; open?: boolean;
  children: ComponentChildren;
}) {
  return (
    <details class="fold" open={open}>
      <summary><Icon name={icon} size={16} />{title}</summary>
      <div class="fold-body">{inside}</div>
    </details>
  );
}

function Files({ files }: { files: TextFile[] }) {
  return (
    <>
      {files.map((f) => (
        <Fold key={f.name} icon="file"
              title={<>{f.name} <small>{t("chat.file.lines",
                                          { n: f.text.split("\n").length })}</small></>}>
          <pre tabIndex={0}>{f.text}</pre>
        </Fold>
      ))}
    </>
  );
}

function UserMessage({ conversation, message, onEdit }: Props) {
  const [draft, setDraft] = useState<string | null>(null);
  if (draft !== null) {
    const done = () => {
      setDraft(null);
      onEdit(draft);
    };
    return (
      <li class="message user editing">
        <textarea class="wide" aria-label={t("chat.edit.label")} value={draft} autoFocus
                  rows={Math.min(12, draft.split("\n").length + 1)}
                  onInput={(e) => setDraft(e.currentTarget.value)}
                  onKeyDown={(e) => {
                    if (e.key === "Escape") setDraft(null);
                    if (e.key === "Enter" && (e.ctrlKey || e.metaKey) && draft.trim()) done();
                  }} />
        <div class="dialog-actions">
          <Button onClick={() => setDraft(null)}>{t("cancel")}</Button>
          <Button kind="main" disabled={!draft.trim()} onClick={done}>{t("chat.edit.send")}</Button>
        </div>
      </li>
    );
  }
  return (
    <li class="message user">
      <h2 class="unseen">{t("chat.you")}</h2>
      <div class="bubble">
        {message.files && <Files files={message.files} />}
        {message.content}
      </div>
      <footer>
        <Branches conversation={conversation} message={message} />
        <IconButton icon="edit" size={16} label={t("edit")}
                    onClick={() => setDraft(message.content)} />
        <CopyButton text={() => message.content} />
      </footer>
    </li>
  );
}

function ToolResult({ conversation, message }: Props) {
  const asked = Object.values(conversation.messages).flatMap((m) => m.calls ?? [])
    .find((call) => call.id === message.callId);
  return (
    <li class="message tool">
      <Fold icon="tool" title={t("chat.tool.result", { name: asked?.name ?? "" })}>
        <pre tabIndex={0}>{message.content}</pre>
      </Fold>
    </li>
  );
}

function pretty(json: string): string {
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    return json;   // still being written
  }
}

function Calls({ message, asks, onResults }: {
  message: Message; asks: boolean; onResults: (results: string[]) => void;
}) {
  const calls = message.calls ?? [];
  const [results, setResults] = useState<string[]>([]);
  return (
    <form class="calls" onSubmit={(e) => (e.preventDefault(), onResults(results))}>
      {calls.map((call, i) => (
        <Fold key={i} icon="tool" title={t("chat.tool", { name: call.name })} open={asks}>
          <pre tabIndex={0} aria-label={t("chat.tool.arguments")}>{pretty(call.arguments)}</pre>
          {asks && (
            <textarea rows={2} class="wide" aria-label={t("chat.tool.result", { name: call.name })}
                      placeholder={t("chat.tool.result", { name: call.name })}
                      value={results[i] ?? ""}
                      onInput={(e) => setResults(
                        calls.map((_, j) => j === i ? e.currentTarget.value : results[j] ?? ""))} />
          )}
        </Fold>
      ))}
      {asks && <Button kind="main" type="submit">{t("chat.tool.send")}</Button>}
    </form>
  );
}

function waitingFor(model: string | undefined): string {
  const state = models.get().find((m) => m.id === model)?.state;
  return t(state === "cold" || state === "loading" ? "chat.loading" : "chat.waiting");
}

function Answer({ conversation, message: m, grows, isLast, onRetry, onResults }: Props) {
  const thinking = grows && !m.content && !!m.reasoning;
  const nothing = !m.content && !m.reasoning && !m.calls?.length;
  return (
    <li class={grows ? "message answer grows" : "message answer"} aria-busy={grows}>
      <h2 class="who">{m.model}</h2>
      {m.reasoning && (
        <Fold icon="thought" title={t(thinking ? "chat.reasoning.now" : "chat.reasoning")}>
          <Markdown text={m.reasoning} />
        </Fold>
      )}
      {grows && nothing && <p class="waiting">{waitingFor(m.model)}</p>}
      {m.content && <Markdown text={m.content} />}
      {m.calls && m.calls.length > 0 && (
        <Calls message={m} asks={isLast && !grows && m.finish === "tool_calls"}
               onResults={onResults} />
      )}
      {m.error && <p class="notice" role="alert">{m.error}</p>}
      {!grows && m.finish === "cancelled" && <p class="quiet">{t("chat.stopped")}</p>}
      {!grows && m.finish === "length" && <p class="quiet">{t("chat.length")}</p>}
      {!grows && (
        <footer>
          <Branches conversation={conversation} message={m} />
          <CopyButton text={() => m.content} />
          <IconButton icon="retry" size={16} label={t("retry")} onClick={onRetry} />
          {m.rate !== undefined && m.firstS !== undefined && (
            <span class="quiet">
              {t("chat.speed", { rate: rate(m.rate), first: seconds(m.firstS) })}
            </span>
          )}
        </footer>
      )}
    </li>
  );
}
