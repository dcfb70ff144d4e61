// The try page: a form for any endpoint, the same request for other programs, and the answer.
import { useEffect, useRef, useState } from "preact/hooks";

import { apiKey, headers, textOf } from "../lib/api";
import { type Endpoint, endpoints, loadEndpoints } from "../lib/endpoints";
import { bytes, seconds } from "../lib/format";
import { models, refreshModels } from "../lib/models";
import { go, route } from "../lib/route";
import { useStore } from "../lib/store";
import { CodeBlock } from "../markdown/code";
import { t } from "../text/text";
import { Button } from "../ui/button";
import { example } from "./examples";
import { Fields } from "./fields";
import { curl, python } from "./snippets";

type Body = Record<string, unknown>;

const first = "/v1/chat/completions";
const hidden = /^\/(assets\/.*)?$/;   // the pages themselves
const bodyless = new Set(["GET", "HEAD"]);
const longest = 200_000;   // characters of an answer that are shown

const idOf = (e: Endpoint): string => `${e.method} ${e.path}`;

export function Try() {
  const [, chosen] = useStore(route);
  const list = useStore(endpoints).filter((e) => !hidden.test(e.path));
  const [error, setError] = useState("");
  useEffect(() => {
    void refreshModels();
    loadEndpoints().catch((e) => setError(textOf(e)));
  }, []);
  const served = useStore(models);
  const endpoint = list.find((e) => idOf(e) === chosen) ?? list.find((e) => e.path === first);
  return (
    <div class="page try">
      <header class="page-header">
        <h1>{t("try.title")}</h1>
        <label class="endpoint">
          <span class="unseen">{t("try.endpoint")}</span>
          <select class="mono" value={endpoint ? idOf(endpoint) : ""}
                  onChange={(e) => go("try", e.currentTarget.value)}>
            {list.map((e) => <option key={idOf(e)} value={idOf(e)}>{idOf(e)}</option>)}
          </select>
        </label>
        <p class="quiet">{endpoint?.summary}</p>
      </header>
      {error && <p class="notice" role="alert">{error}</p>}
      {endpoint && served && (
        <Form key={idOf(endpoint) + (served[0]?.id ?? "")} endpoint={endpoint}
              model={served[0]?.id ?? ""} />
      )}
    </div>
  );
}

function Form({ endpoint, model }: { endpoint: Endpoint; model: string }) {
  const hasBody = !bodyless.has(endpoint.method);
  const [body, setBody] = useState<Body>(() => example(endpoint.path, model));
  const [raw, setRaw] = useState<string | null>(null);   // the JSON as written, in that view
  const [bad, setBad] = useState(false);
  const names = [...endpoint.path.matchAll(/\{(\w+)(?:\.\.\.)?\}/g)].map((m) => m[1]!);
  const [parts, setParts] = useState<Record<string, string>>({ id: model });
  const [show, setShow] = useState<"curl" | "python">("curl");

  const path = endpoint.path.replace(/\{(\w+)(\.\.\.)?\}/g, (_, name: string, rest) =>
    (rest ? encodeURI : encodeURIComponent)(parts[name] ?? ""));
  const request = { method: endpoint.method, url: location.origin + path,
                    body: hasBody ? body : undefined, key: apiKey.get() !== "" };
  const write = (text: string) => {
    setRaw(text);
    try {
      setBody(JSON.parse(text) as Body);
      setBad(false);
    } catch {
      setBad(true);
    }
  };
  const answer = useAnswer();
  const send = (e: Event) => {
    e.preventDefault();
    void answer.send(endpoint.method, path, hasBody ? body : undefined);
  };
  return (
    <div class="try-columns">
      <form onSubmit={send} class="try-request">
        {names.map((name) => (
          <div class="field" key={name}>
            <label for={`path-${name}`}>{name}</label>
            <input id={`path-${name}`} type="text" class="mono" value={parts[name] ?? ""}
                   onInput={(e) => setParts({ ...parts, [name]: e.currentTarget.value })} />
          </div>
        ))}
        {hasBody ? (
          <>
            <div class="choice" role="group" aria-label={t("try.body")}>
              <button type="button" aria-pressed={raw === null} disabled={bad}
                      onClick={() => setRaw(null)}>{t("try.form")}</button>
              <button type="button" aria-pressed={raw !== null}
                      onClick={() => setRaw(JSON.stringify(body, null, 2))}>{t("try.json")}</button>
            </div>
            {raw === null ? <Fields body={body} onChange={setBody} /> : (
              <textarea class="wide mono raw" value={raw} spellcheck={false} aria-invalid={bad}
                        aria-label={t("try.body")} rows={Math.min(24, raw.split("\n").length + 1)}
                        onInput={(e) => write(e.currentTarget.value)} />
            )}
            {bad && <p class="notice" role="alert">{t("try.bad")}</p>}
          </>
        ) : <p class="quiet">{t("try.nobody")}</p>}
        <div class="try-send">
          {answer.busy
            ? <Button onClick={answer.stop}>{t("try.stop")}</Button>
            : <Button kind="main" type="submit" disabled={bad}>{t("try.send")}</Button>}
        </div>
        <div class="choice" role="group" aria-label={`${t("try.curl")}, ${t("try.python")}`}>
          {(["curl", "python"] as const).map((name) => (
            <button type="button" key={name} aria-pressed={show === name}
                    onClick={() => setShow(name)}>{t(`try.${name}`)}</button>
          ))}
        </div>
        {show === "curl" ? <CodeBlock text={curl(request)} language="bash" />
                         : <CodeBlock text={python(request)} language="python" />}
      </form>
      <section class="try-response" aria-label={t("try.response")}>
        <h2>{t("try.response")}</h2>
        <p class={answer.bad ? "notice" : "quiet"} role="status">
          {answer.status || t("try.response.none")}
        </p>
        {answer.text && <CodeBlock text={answer.text} language={answer.language} />}
      </section>
    </div>
  );
}

function useAnswer() {
  const [text, setText] = useState("");
  const [status, setStatus] = useState("");
  const [language, setLanguage] = useState("");
  const [bad, setBad] = useState(false);
  const [busy, setBusy] = useState(false);
  const control = useRef<AbortController | null>(null);
  useEffect(() => () => control.current?.abort(), []);

  const send = async (method: string, path: string, body: Body | undefined) => {
    control.current?.abort();
    const { signal } = (control.current = new AbortController());
    setBusy(true);
    setText("");
    setStatus("…");
    const begun = performance.now();
    let all = "";
    try {
      const response = await fetch(path, {
        method, headers: headers(body !== undefined), signal,
        body: body === undefined ? undefined : JSON.stringify(body) });
      setBad(!response.ok);
      const isJson = response.headers.get("Content-Type")?.startsWith("application/json");
      setLanguage(isJson ? "json" : "");
      const reader = response.body?.pipeThrough(new TextDecoderStream() as never).getReader();
      let size = 0;
      for (;;) {
        const part = await reader?.read();
        if (!part || part.done) break;
        const piece = part.value as unknown as string;
        size += piece.length;
        if (all.length < longest) setText((all += piece));
      }
      if (isJson) setText(pretty(all));
      setStatus(t("try.status", { status: response.status, size: bytes(size),
                                  time: seconds((performance.now() - begun) / 1000) }));
    } catch (error) {
      setBad(!signal.aborted);
      setStatus(signal.aborted ? t("chat.stopped") : textOf(error));
    }
    setBusy(false);
  };
  return { text, status, language, bad, busy, send, stop: () => control.current?.abort() };
}

function pretty(json: string): string {
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    return json;
  }
}
