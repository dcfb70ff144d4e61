// The chat page: the list of conversations beside the one that is open.
import { useEffect, useState } from "preact/hooks";

import { refreshModels } from "../lib/models";
import { go, replace, route } from "../lib/route";
import { store, useStore } from "../lib/store";
import { t } from "../text/text";
import { ConversationView } from "./conversation";
import { conversations, durable, ready } from "./library";
import { ConversationList } from "./list";

/** Whether the list is open where there is no room for it beside. */
export const listOpen = store(false);

export function Chat() {
  const [, id = ""] = useStore(route);
  const all = useStore(conversations);
  const isReady = useStore(ready);
  const isDurable = useStore(durable);
  const open = useStore(listOpen);
  const [draft, setDraft] = useState(0);   // a new number is a new, empty conversation
  useEffect(() => void refreshModels(), []);
  useEffect(() => {
    if (isReady && id && !all[id]) replace("chat");
  }, [isReady, id, all]);
  useEffect(() => listOpen.set(false), [id, draft]);

  const begin = () => {
    setDraft(draft + 1);
    go("chat");
    document.querySelector<HTMLElement>(".composer textarea")?.focus();
  };
  return (
    <div class="chat">
      <aside class={open ? "conversations open" : "conversations"} aria-label={t("chat.list")}>
        <ConversationList open={id} onNew={begin} />
      </aside>
      {open && <div class="veil" onClick={() => listOpen.set(false)} />}
      <div class="conversation">
        {!isDurable && <p class="notice">{t("chat.storage")}</p>}
        {isReady && <ConversationView key={id || `new${draft}`} conversation={all[id]}
                                      onNew={begin} />}
      </div>
    </div>
  );
}
