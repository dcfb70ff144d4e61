// A first body for each endpoint; MODEL stands for the model that is served.

type Body = Record<string, unknown>;

const messages = [{ role: "user", content: "Name three rivers." }];
const tool = {
  name: "weather",
  description: "The weather of a city",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
};

const bodies: Record<string, Body> = {
  "/v1/chat/completions": { model: "MODEL", messages, max_tokens: 64, temperature: 0.7,
                            stream: true },
  "/v1/completions": { model: "MODEL", prompt: "The three longest rivers are", max_tokens: 32,
                       stream: false },
  "/v1/responses": { model: "MODEL", input: "Name three rivers.", max_output_tokens: 64,
                     stream: false },
  "/v1/embeddings": { model: "MODEL", input: ["a river", "a mountain"] },
  "/v1/messages": { model: "MODEL", messages, max_tokens: 64, stream: false },
  "/v1/messages/count_tokens": { model: "MODEL", messages },
  "/api/chat": { model: "MODEL", messages, stream: false },
  "/api/generate": { model: "MODEL", prompt: "Name three rivers.", stream: false },
  "/api/embed": { model: "MODEL", input: ["a river", "a mountain"] },
  "/api/show": { model: "MODEL" },
  "/api/pull": { model: "smollm2", stream: true },
  "/api/delete": { model: "" },
  "/v1/rerank": { model: "MODEL", query: "water", documents: ["a river", "a mountain"] },
  "/rerank": { model: "MODEL", query: "water", documents: ["a river", "a mountain"] },
  "/v1/score": { model: "MODEL", text_1: "water", text_2: ["a river", "a mountain"] },
  "/score": { model: "MODEL", text_1: "water", text_2: ["a river", "a mountain"] },
  "/tokenize": { model: "MODEL", prompt: "Hello, world", return_token_strs: true },
  "/detokenize": { model: "MODEL", tokens: [1, 2, 3] },
  "/apply-template": { model: "MODEL", messages, tools: [{ type: "function", function: tool }] },
};

export function example(path: string, model: string): Body {
  const body = bodies[path] ?? { model: "MODEL" };
  return { ...body, ...(body.model === "MODEL" && { model }) };
}
