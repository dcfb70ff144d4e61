// t(key): the text in the reader's language. A component that calls it renders again when the
// language changes, because the root does.
import { kept } from "../lib/store";
import { en, type Key } from "./en";
import { zh } from "./zh";

export type Language = "en" | "zh";
const dictionaries: Record<Language, Record<Key, string>> = { en, zh };

export const language = kept<Language>(
  "language", navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en");

export function t(key: Key, values: Record<string, string | number> = {}): string {
  return dictionaries[language.get()][key].replace(/\{(\w+)\}/g,
                                                   (all, name) => String(values[name] ?? all));
}

function apply(): void {
  document.documentElement.lang = language.get() === "zh" ? "zh-Hans" : "en";
}
language.subscribe(apply);
apply();
