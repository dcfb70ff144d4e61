// A formula as MathML, which browsers draw themselves. The library is fetched with the first one.
import { useEffect, useRef } from "preact/hooks";

const library = () => import("temml").then((m) => m.default);

export function Maths({ text, display }: { text: string; display: boolean }) {
  const element = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    let current = true;
    void library().then((temml) => {
      if (!current || !element.current) return;
      try {
        // trust: false refuses \href, \url, \includegraphics and styles of the text's choice.
        temml.render(text, element.current, {
          displayMode: display, trust: false, throwOnError: true, maxExpand: 200,
          maxSize: [20, 20],
        } as never);
      } catch {
        element.current.textContent = text;   // still being written, or no formula
      }
    });
    return () => { current = false; };
  }, [text, display]);
  return <span ref={element} class={display ? "maths display" : "maths"}>{text}</span>;
}
