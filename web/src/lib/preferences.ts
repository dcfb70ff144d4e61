// How the reader wants the pages: theme and language.
import { kept } from "./store";

export type Theme = "system" | "light" | "dark";
export const theme = kept<Theme>("theme", "system");

function apply(): void {
  const wanted = theme.get();
  if (wanted === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = wanted;
}
theme.subscribe(apply);
apply();

/** Next in the order system, light, dark. */
export function nextTheme(): void {
  const order: Theme[] = ["system", "light", "dark"];
  theme.set(order[(order.indexOf(theme.get()) + 1) % order.length]!);
}
