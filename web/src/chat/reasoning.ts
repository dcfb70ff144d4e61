// Reasoning that a model writes into its text, for servers that do not take it out.

/** "<think>a</think>b" is reasoning a and content b; while the tag is open all is reasoning. */
export function splitReasoning(text: string): { reasoning: string; content: string } {
  const open = /^\s*<think>\n?/.exec(text);
  if (!open) return { reasoning: "", content: text };
  const inside = text.slice(open[0].length);
  const close = inside.indexOf("</think>");
  if (close < 0) return { reasoning: inside, content: "" };
  return {
    reasoning: inside.slice(0, close).trimEnd(),
    content: inside.slice(close + "</think>".length).trimStart(),
  };
}
