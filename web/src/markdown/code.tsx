// A block of code with its language, its colours and a button that copies it.
import type { Root, RootContent } from "hast";
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";

import { t } from "../text/text";
import { CopyButton } from "../ui/button";

type Highlighter = (text: string, language: string) => Root | null;
const longest = 60_000;   // characters that get colours
let loaded: Highlighter | null = null;
const loading = () => import("./highlight").then((m) => (loaded = m.highlight));

function elements(nodes: RootContent[]): ComponentChildren {
  return nodes.map((node, i) => {
    if (node.type === "text") return node.value;
    if (node.type !== "element") return null;
    const names = node.properties.className;
    return (
      <span key={i} class={Array.isArray(names) ? names.join(" ") : ""}>
        {elements(node.children as RootContent[])}
      </span>
    );
  });
}

export function CodeBlock({ text, language }: { text: string; language: string }) {
  const name = language.split(/[\s,{]/)[0]!.toLowerCase();
  const [, render] = useState(0);
  const wanted = name !== "" && text.length < longest;
  useEffect(() => {
    if (wanted && !loaded) void loading().then(() => render((n) => n + 1));
  }, [wanted]);
  const tree = wanted && loaded ? loaded(text, name) : null;
  return (
    <figure class="code">
      <figcaption>
        <span>{name}</span>
        <CopyButton text={() => text} label={t("copy")} />
      </figcaption>
      <pre tabIndex={0}><code>{tree ? elements(tree.children as RootContent[]) : text}</code></pre>
    </figure>
  );
}
