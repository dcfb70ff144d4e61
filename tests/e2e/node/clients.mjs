// The official client for Node against running servers, one of which makes vectors:
// node clients.mjs URL VECTORS_URL. Fails by throwing.
import assert from "node:assert/strict";
import OpenAI from "openai";

const [client, encoder] = process.argv.slice(2, 4).map((url) => new OpenAI({
  baseURL: `${url}/v1`, apiKey: "unused", maxRetries: 0, timeout: 120_000,
}));
const model = (await client.models.list()).data[0].id;
const messages = [{ role: "user", content: "What is 17 plus 25? Use the tool." }];
const asked = { model, messages, temperature: 0, max_tokens: 80 };
const parameters = {
  type: "object",
  properties: { a: { type: "integer" }, b: { type: "integer" } },
  required: ["a", "b"],
  additionalProperties: false,
};
const about = { name: "add", description: "Adds two numbers.", parameters };

async function chat() {
  const whole = await client.chat.completions.create(asked);
  assert.ok(whole.choices[0].message.content);
  let text = "";
  for await (const chunk of await client.chat.completions.create({ ...asked, stream: true }))
    text += chunk.choices[0]?.delta.content ?? "";
  assert.equal(text, whole.choices[0].message.content);
}

async function toolLoop() {
  const forced = {
    ...asked,
    tools: [{ type: "function", function: about }],
    tool_choice: { type: "function", function: { name: "add" } },
  };
  const whole = (await client.chat.completions.create(forced)).choices[0];
  assert.equal(whole.finish_reason, "tool_calls");
  // The client's own gathering of a stream.
  const streamed = await client.chat.completions.stream(forced).finalMessage();
  const [call] = streamed.tool_calls;
  assert.deepEqual(call.function.arguments, whole.message.tool_calls[0].function.arguments);
  const { a, b } = JSON.parse(call.function.arguments);
  assert.ok(Number.isInteger(a) && Number.isInteger(b));
  const answer = await client.chat.completions.create({
    ...asked,
    messages: [...messages, whole.message, {
      role: "tool", tool_call_id: whole.message.tool_calls[0].id, content: String(a + b),
    }],
  });
  assert.ok(answer.choices[0].message.content);
}

async function responses() {
  const forced = {
    model, input: messages, temperature: 0, max_output_tokens: 80,
    tools: [{ type: "function", ...about, strict: false }],
    tool_choice: { type: "function", name: "add" },
  };
  const whole = await client.responses.create(forced);
  assert.equal(whole.output[0].type, "function_call");
  const streamed = await client.responses.stream(forced).finalResponse();
  assert.equal(streamed.output[0].arguments, whole.output[0].arguments);
  const said = await client.responses.create({
    model, temperature: 0, max_output_tokens: 16, previous_response_id: whole.id,
    input: [{
      type: "function_call_output", call_id: whole.output[0].call_id, output: "42",
    }],
  });
  assert.ok(said.output_text);
}

async function others() {
  const text = await client.completions.create({ model, prompt: "One, two,", max_tokens: 4 });
  assert.ok(text.usage.completion_tokens <= 4);
  const { id } = (await encoder.models.list()).data[0];
  const vectors = await encoder.embeddings.create({ model: id, input: ["a", "b"] });
  assert.equal(vectors.data.length, 2);   // asked for as base64 and decoded by the client
  assert.ok(vectors.data[0].embedding.every(Number.isFinite));
  await assert.rejects(
    client.chat.completions.create({ ...asked, model: "nope" }),
    (error) => error instanceof OpenAI.NotFoundError,
  );
  await assert.rejects(
    client.chat.completions.create({ ...asked, temperature: 9 }),
    (error) => error instanceof OpenAI.BadRequestError && error.param === "temperature",
  );
}

for (const part of [chat, toolLoop, responses, others]) {
  await part();
  console.log(`${part.name}: good`);
}
