// A JSON object as a form: a control a member, chosen by the kind of its value.
import { useState } from "preact/hooks";

import { models } from "../lib/models";
import { t } from "../text/text";
import { Button, IconButton } from "../ui/button";

type Body = Record<string, unknown>;

interface Props {
  body: Body;
  onChange: (body: Body) => void;
}

export function Fields({ body, onChange }: Props) {
  const [name, setName] = useState("");
  const add = () => {
    if (!name.trim() || name in body) return;
    onChange({ ...body, [name.trim()]: "" });
    setName("");
  };
  const without = (key: string) =>
    onChange(Object.fromEntries(Object.entries(body).filter(([k]) => k !== key)));
  return (
    <div class="fields">
      {Object.entries(body).map(([key, value]) => (
        <div class="field" key={key}>
          <label for={`field-${key}`}>{key}</label>
          <Control id={`field-${key}`} name={key} value={value}
                   onChange={(next) => onChange({ ...body, [key]: next })} />
          <IconButton icon="close" size={14} label={t("try.remove", { name: key })}
                      onClick={() => without(key)} />
        </div>
      ))}
      <div class="field">
        <input type="text" class="mono" value={name} placeholder={t("try.add.name")}
               aria-label={t("try.add.name")} onInput={(e) => setName(e.currentTarget.value)}
               onKeyDown={(e) => e.key === "Enter" && (e.preventDefault(), add())} />
        <Button onClick={add} disabled={!name.trim()}>{t("try.add")}</Button>
      </div>
    </div>
  );
}

interface ControlProps {
  id: string;
  name: string;
  value: unknown;
  onChange: (value: unknown) => void;
}

function Control({ id, name, value, onChange }: ControlProps) {
  if (name === "model" && models.get().some((m) => m.id === value))
    return (
      <select id={id} value={value as string} onChange={(e) => onChange(e.currentTarget.value)}>
        {models.get().map((m) => <option key={m.id}>{m.id}</option>)}
      </select>
    );
  if (typeof value === "boolean")
    return <input id={id} type="checkbox" checked={value}
                  onChange={(e) => onChange(e.currentTarget.checked)} />;
  if (typeof value === "number")
    return <input id={id} type="number" step="any" value={value}
                  onChange={(e) => e.currentTarget.value && onChange(+e.currentTarget.value)} />;
  return <Json id={id} value={value} onChange={onChange} />;
}

/** A text is itself; what reads as a number, list, object or word of JSON becomes that. */
function Json({ id, value, onChange }: Omit<ControlProps, "name">) {
  const [text, setText] = useState(
    typeof value === "string" ? value : JSON.stringify(value, null, 2));
  const structured = typeof value === "object";
  const take = (next: string) => {
    setText(next);
    try {
      const parsed: unknown = JSON.parse(next);
      if (typeof parsed !== "string") return onChange(parsed);
    } catch {
      if (structured) return;   // still being written
    }
    onChange(next);
  };
  const rows = Math.min(14, text.split("\n").length);
  return <textarea id={id} rows={rows} class={structured ? "mono" : ""} value={text}
                   spellcheck={false} onInput={(e) => take(e.currentTarget.value)} />;
}
