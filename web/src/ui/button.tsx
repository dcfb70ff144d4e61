// Buttons: with a text, or an icon whose name is read out and shown as a hint.
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import { copy } from "../lib/files";
import { t } from "../text/text";
import { Icon, type IconName } from "./icons";

interface ButtonProps {
  children: ComponentChildren;
  onClick?: () => void;
  kind?: "plain" | "main" | "danger";
  type?: "button" | "submit";
  disabled?: boolean;
}

export function Button({ children, onClick, kind = "plain", type = "button",
                         disabled }: ButtonProps) {
  return (
    <button type={type} class={`button ${kind}`} onClick={onClick} disabled={disabled}>
      {children}
    </button>
  );
}

interface IconButtonProps {
  icon: IconName;
  label: string;
  onClick?: () => void;
  disabled?: boolean;
  pressed?: boolean;
  expanded?: boolean;
  kind?: "plain" | "main";
  type?: "button" | "submit";
  size?: number;
}

export function IconButton({ icon, label, onClick, disabled, pressed, expanded, kind = "plain",
                             type = "button", size }: IconButtonProps) {
  return (
    <button type={type} class={`icon-button ${kind}`} title={label} aria-label={label}
            aria-pressed={pressed} aria-expanded={expanded} onClick={onClick} disabled={disabled}>
      <Icon name={icon} size={size} />
    </button>
  );
}

/** Copies a text and says for a moment that it did. */
export function CopyButton({ text, label }: { text: () => string; label?: string }) {
  const [done, setDone] = useState(false);
  const timer = useRef(0);
  useEffect(() => () => clearTimeout(timer.current), []);
  const act = async () => {
    if (!(await copy(text()))) return;
    setDone(true);
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => setDone(false), 1500);
  };
  return (
    <IconButton icon={done ? "check" : "copy"} size={16}
                label={done ? t("copied") : label ?? t("copy")} onClick={act} />
  );
}
