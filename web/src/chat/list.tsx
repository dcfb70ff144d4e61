// The conversations, newest first, under the day they were last written in.
import { useState } from "preact/hooks";

import { path as address } from "../lib/route";
import { useStore } from "../lib/store";
import type { Key } from "../text/en";
import { t } from "../text/text";
import { Icon } from "../ui/icons";
import { conversations } from "./library";
import type { Conversation } from "./tree";

const dayMs = 86_400_000;

function dayOf(time: number): Key {
  const today = new Date().setHours(0, 0, 0, 0);
  if (time >= today) return "chat.today";
  return time >= today - dayMs ? "chat.yesterday" : "chat.earlier";
}

function contains(c: Conversation, words: string): boolean {
  return c.title.toLowerCase().includes(words) ||
    Object.values(c.messages).some((m) => m.content.toLowerCase().includes(words));
}

export function ConversationList({ open, onNew }: { open: string; onNew: () => void }) {
  const all = useStore(conversations);
  const [search, setSearch] = useState("");
  const words = search.trim().toLowerCase();
  const found = Object.values(all).filter((c) => !words || contains(c, words))
    .sort((a, b) => b.updated - a.updated);
  const days = byDay(found);
  return (
    <>
      <button type="button" class="button new-chat" onClick={onNew}>
        <Icon name="plus" size={16} />{t("chat.new")}
      </button>
      <input type="search" class="search" placeholder={t("chat.search")}
             aria-label={t("chat.search")} value={search}
             onInput={(e) => setSearch(e.currentTarget.value)} />
      <nav aria-label={t("chat.list")}>
        {days.map(([day, list]) => (
          <section key={day}>
            <h3>{t(day)}</h3>
            <ul>
              {list.map((c) => (
                <li key={c.id}>
                  <a href={address("chat", c.id)} aria-current={c.id === open ? "page" : undefined}>
                    {c.title || t("chat.untitled")}
                  </a>
                </li>
              ))}
            </ul>
          </section>
        ))}
      </nav>
    </>
  );
}

function byDay(list: Conversation[]): [Key, Conversation[]][] {
  const days = new Map<Key, Conversation[]>();
  for (const c of list) days.set(dayOf(c.updated), [...(days.get(dayOf(c.updated)) ?? []), c]);
  return [...days];
}
