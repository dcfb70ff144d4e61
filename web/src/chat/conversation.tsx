// One conversation: its messages and the box to write the next one.
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

import { models } from "../lib/models";
import { replace } from "../lib/route";
import { useStore } from "../lib/store";
import { t } from "../text/text";
import { Mark } from "../ui/icons";
import { IconButton } from "../ui/button";
import { answer, growing, stop } from "./answer";
import { Composer } from "./composer";
import { Header } from "./header";
import { create, update } from "./library";
import { MessageView } from "./message";
import { chosenModel } from "./parameters";
import { ParametersPanel } from "./parameters_panel";
import { add, type Conversation, type Message, newId, path, type TextFile } from "./tree";

const nearPx = 80;   // so far from the end the view still follows it

/** The model to ask: the reader's choice where it is served, else the first. */
export function currentModel(): string {
  const served = models.get();
  const chosen = chosenModel.get();
  return served.some((m) => m.id === chosen) ? chosen : served[0]?.id ?? "";
}

interface Props {
  conversation: Conversation | undefined;   // none yet: the first message makes it
  onNew: () => void;
}

export function ConversationView({ conversation, onNew }: Props) {
  useStore(models);
  useStore(chosenModel);
  const busy = useStore(growing);
  const [panel, setPanel] = useState(false);
  const scroller = useRef<HTMLDivElement>(null);
  const following = useRef(true);
  const [away, setAway] = useState(false);
  const messages = conversation ? path(conversation) : [];
  const last = messages.at(-1);
  const active = messages.find((m) => busy[m.id]);

  const toEnd = () => {
    const box = scroller.current;
    if (box) box.scrollTop = box.scrollHeight;
  };
  useLayoutEffect(() => {
    if (following.current) toEnd();
  });
  const onScroll = () => {
    const box = scroller.current!;
    following.current = box.scrollHeight - box.scrollTop - box.clientHeight < nearPx;
    setAway(!following.current);
  };

  const wasActive = useRef(false);
  const [spoken, setSpoken] = useState("");
  useEffect(() => {
    if (active && !wasActive.current) setSpoken(t("chat.busy"));
    if (!active && wasActive.current) setSpoken(t("chat.done"));
    wasActive.current = !!active;
  }, [!!active]);

  const ask = (id: string, parent: string) => {
    following.current = true;
    void answer(id, parent, currentModel());
  };
  const send = (parent: string | null, content: string, files: TextFile[]) => {
    const c = conversation ?? create();
    const message: Message = { id: newId(), parent, role: "user", content, at: Date.now(),
                               ...(files.length > 0 && { files }) };
    update(c.id, (now) => add(now, message));
    ask(c.id, message.id);
    if (!conversation) replace("chat", c.id);
  };
  const sendResults = (asked: Message, results: string[]) => {
    let parent = asked.id;
    asked.calls?.forEach((call, i) => {
      const message: Message = { id: newId(), parent, role: "tool", content: results[i] ?? "",
                                 callId: call.id, at: Date.now() };
      update(conversation!.id, (now) => add(now, message));
      parent = message.id;
    });
    ask(conversation!.id, parent);
  };

  return (
    <>
      <Header conversation={conversation} panel={panel} onPanel={() => setPanel(!panel)}
              onNew={onNew} />
      <div class="conversation-main">
        <div class="conversation-column">
          <div class="messages" ref={scroller} onScroll={onScroll} tabIndex={0} role="region"
               aria-label={t("chat.messages")}>
            {messages.length === 0 ? (
              <div class="hello">
                <Mark />
                <h2>{t("chat.hello")}</h2>
                <p>{t("chat.local")}</p>
              </div>
            ) : (
              <ol>
                {messages.map((m) => (
                  <MessageView key={m.id} conversation={conversation!} message={m}
                               grows={!!busy[m.id]} isLast={m === last}
                               onEdit={(text) => send(m.parent, text, m.files ?? [])}
                               onRetry={() => m.parent && ask(conversation!.id, m.parent)}
                               onResults={(results) => sendResults(m, results)} />
                ))}
              </ol>
            )}
          </div>
          {away && (
            <div class="to-end">
              <IconButton icon="down" label={t("chat.down")}
                          onClick={() => { following.current = true; toEnd(); }} />
            </div>
          )}
          <p class="unseen" role="status">{spoken}</p>
          <Composer model={currentModel()} busy={!!active} last={last}
                    onStop={() => active && stop(active.id)}
                    onSend={(text, files) => send(last?.id ?? null, text, files)} />
        </div>
        {panel && <ParametersPanel onClose={() => setPanel(false)} />}
      </div>
    </>
  );
}
