// The frame of all pages: navigation, language, theme and key.
import { useEffect, useState } from "preact/hooks";

import { Chat } from "./chat/chat";
import { apiKey, keyWanted } from "./lib/api";
import { refreshModels } from "./lib/models";
import { nextTheme, theme } from "./lib/preferences";
import { path, route } from "./lib/route";
import { useStore } from "./lib/store";
import { Live } from "./live/live";
import { Models } from "./models/models";
import { language, t } from "./text/text";
import { Try } from "./try/try";
import { Button, IconButton } from "./ui/button";
import { Dialog } from "./ui/dialog";
import { Icon, Mark } from "./ui/icons";

const pages = { chat: Chat, models: Models, live: Live, try: Try } as const;
type PageName = keyof typeof pages;
const names = Object.keys(pages) as PageName[];
const themeIcons = { system: "system", light: "sun", dark: "moon" } as const;

export function Shell() {
  const first = useStore(route)[0] as PageName | undefined;
  const chosen = useStore(language);
  const shade = useStore(theme);
  const asked = useStore(keyWanted);
  const [keyOpen, setKeyOpen] = useState(false);
  const name = first && first in pages ? first : "chat";
  const Page = pages[name];
  useEffect(() => {
    document.title = `${t(`nav.${name}`)} · strata`;
  }, [name, chosen]);
  const closeKey = () => {
    keyWanted.set(false);
    setKeyOpen(false);
  };
  return (
    <div class="shell">
      <a class="skip" href="#content"
         onClick={(e) => (e.preventDefault(), document.getElementById("content")?.focus())}>
        {t("skip")}
      </a>
      <header class="rail">
        <a class="brand" href={path("chat")} aria-label="strata"><Mark /></a>
        <nav aria-label={t("nav.label")}>
          {names.map((each) => (
            <a key={each} href={path(each)} aria-current={each === name ? "page" : undefined}>
              <Icon name={each} size={20} />
              <span>{t(`nav.${each}`)}</span>
            </a>
          ))}
        </nav>
        <div class="rail-end">
          <IconButton icon="key" label={t("key.open")} onClick={() => setKeyOpen(true)} />
          <IconButton icon="language" label={t("language.switch")}
                      onClick={() => language.set(chosen === "en" ? "zh" : "en")} />
          <IconButton icon={themeIcons[shade]} label={t(`theme.${shade}`)} onClick={nextTheme} />
        </div>
      </header>
      <main id="content" tabIndex={-1}><Page key={chosen} /></main>
      {(keyOpen || asked) && <KeyDialog onClose={closeKey} />}
    </div>
  );
}

function KeyDialog({ onClose }: { onClose: () => void }) {
  const [key, setKey] = useState(apiKey.get());
  const save = (e: Event) => {
    e.preventDefault();
    apiKey.set(key.trim());
    onClose();
    void refreshModels();
  };
  return (
    <Dialog title={t("key.title")} onClose={onClose}>
      <form onSubmit={save}>
        <p>{t("key.why")}</p>
        <input type="password" class="wide" autocomplete="off" value={key} autoFocus
               aria-label={t("key.title")} onInput={(e) => setKey(e.currentTarget.value)} />
        <div class="dialog-actions">
          <Button onClick={onClose}>{t("cancel")}</Button>
          <Button kind="main" type="submit">{t("key.save")}</Button>
        </div>
      </form>
    </Dialog>
  );
}
