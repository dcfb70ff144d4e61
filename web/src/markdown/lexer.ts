// Markdown of a model's answer as a tree of tokens, with maths: $x$, $$x$$, \(x\) and \[x\].
import { Marked, type Token, type TokenizerAndRendererExtension } from "marked";

export interface MathToken {
  type: "math";
  raw: string;
  text: string;
  display: boolean;
}

const display = [/^\$\$([\s\S]+?)\$\$/, /^\\\[([\s\S]+?)\\\]/];
// "costs $5 and $6" is no formula: no blank inside the dollars, no digit after them.
const inline = [/^\$(?![\s$])((?:\\.|[^\\$\n])+?)(?<!\s)\$(?!\d)/, /^\\\(([\s\S]+?)\\\)/];

function match(source: string, rules: RegExp[], isDisplay: boolean): MathToken | undefined {
  for (const rule of rules) {
    const found = rule.exec(source);
    if (found) return { type: "math", raw: found[0], text: found[1]!.trim(), display: isDisplay };
  }
  return undefined;
}

function next(source: string): number | undefined {
  const at = source.search(/\$|\\[([]/);
  return at < 0 ? undefined : at;
}

const extensions: TokenizerAndRendererExtension[] = [
  {
    name: "math",
    level: "block",
    start: (source) => {
      const at = source.search(/\$\$|\\\[/);
      return at < 0 ? undefined : at;
    },
    tokenizer: (source) => match(source, display, true),
  },
  {
    name: "math",
    level: "inline",
    start: next,
    tokenizer: (source) => match(source, display, true) ?? match(source, inline, false),
  },
];

const marked = new Marked({ gfm: true, extensions });

export const lex = (text: string): Token[] => marked.lexer(text);
