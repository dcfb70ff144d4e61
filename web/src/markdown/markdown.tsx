// Markdown as elements. Nothing that a model writes becomes markup: tokens become elements one by
// one, HTML stays text, links lead to the web or to mail only, and images are links.
import type { Token, Tokens } from "marked";
import type { ComponentChildren, VNode } from "preact";
import { Component } from "preact";
import { useMemo } from "preact/hooks";

import { CodeBlock } from "./code";
import { lex, type MathToken } from "./lexer";
import { Maths } from "./maths";

const safe = /^(https?:|mailto:)/i;

function Link({ href, children }: { href: string; children: ComponentChildren }) {
  if (!safe.test(href)) return <>{children}</>;
  return <a href={href} target="_blank" rel="noopener noreferrer nofollow">{children}</a>;
}

// The lexer escapes what it puts into text tokens; elements escape by themselves.
const entities: Record<string, string> = {
  "&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'", "&nbsp;": "\u00a0",
};
const plain = (text: string): string => text.replace(/&[#\w]+;/g, (e) => entities[e] ?? e);

function Inline({ tokens }: { tokens: Token[] | undefined }) {
  return <>{tokens?.map((token, i) => <InlineToken key={i} token={token} />)}</>;
}

function InlineToken({ token }: { token: Token }): VNode {
  switch (token.type) {
    case "strong": return <strong><Inline tokens={token.tokens} /></strong>;
    case "em": return <em><Inline tokens={token.tokens} /></em>;
    case "del": return <del><Inline tokens={token.tokens} /></del>;
    case "codespan": return <code>{plain(token.text)}</code>;
    case "br": return <br />;
    case "link": return <Link href={token.href}><Inline tokens={token.tokens} /></Link>;
    case "image": return <Link href={token.href}>{token.text || token.href}</Link>;
    case "math": return <Maths text={token.text} display={(token as MathToken).display} />;
    case "escape": return <>{token.text}</>;
    case "text": return token.tokens ? <Inline tokens={token.tokens} /> : <>{plain(token.text)}</>;
    default: return <>{token.raw}</>;
  }
}

function Item({ item }: { item: Tokens.ListItem }) {
  return (
    <li class={item.task ? "task" : undefined}>
      {item.task && (
        <input type="checkbox" checked={item.checked} disabled aria-label={plain(item.text)} />
      )}
      <Blocks tokens={item.tokens} />
    </li>
  );
}

function Table({ table }: { table: Tokens.Table }) {
  const cell = (Tag: "th" | "td", c: Tokens.TableCell, i: number) => (
    <Tag key={i} style={c.align ? { textAlign: c.align } : undefined}>
      <Inline tokens={c.tokens} />
    </Tag>
  );
  return (
    <div class="table-scroll" tabIndex={0} role="group">
      <table>
        <thead><tr>{table.header.map((c, i) => cell("th", c, i))}</tr></thead>
        <tbody>
          {table.rows.map((row, i) => <tr key={i}>{row.map((c, j) => cell("td", c, j))}</tr>)}
        </tbody>
      </table>
    </div>
  );
}

function BlockToken({ token }: { token: Token }): VNode | null {
  switch (token.type) {
    case "space": case "def": return null;
    case "heading": {
      // The page's own headings are h1 and h2.
      const Tag = `h${Math.min(token.depth + 2, 6)}` as "h3";
      return <Tag class={`h${token.depth}`}><Inline tokens={token.tokens} /></Tag>;
    }
    case "paragraph": return <p><Inline tokens={token.tokens} /></p>;
    case "code": return <CodeBlock text={token.text} language={token.lang ?? ""} />;
    case "blockquote": return <blockquote><Blocks tokens={token.tokens ?? []} /></blockquote>;
    case "hr": return <hr />;
    case "math": return <Maths text={token.text} display />;
    case "table": return <Table table={token as Tokens.Table} />;
    case "html": return <p class="verbatim">{token.raw.trimEnd()}</p>;
    case "list": {
      const items = (token as Tokens.List).items.map((item, i) => <Item key={i} item={item} />);
      return token.ordered ? <ol start={token.start || 1}>{items}</ol> : <ul>{items}</ul>;
    }
    default: return <InlineToken token={token} />;
  }
}

function Blocks({ tokens }: { tokens: Token[] }) {
  return <>{tokens.map((token, i) => <Block key={i} token={token} />)}</>;
}

/** A growing text changes its last block only: the others keep their elements. */
class Block extends Component<{ token: Token }> {
  shouldComponentUpdate({ token }: { token: Token }): boolean {
    return token.raw !== this.props.token.raw || token.type !== this.props.token.type;
  }
  render() {
    return <BlockToken token={this.props.token} />;
  }
}

export function Markdown({ text }: { text: string }) {
  const tokens = useMemo(() => lex(text), [text]);
  return <div class="markdown"><Blocks tokens={tokens} /></div>;
}
