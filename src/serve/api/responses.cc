// The responses API: POST /v1/responses, GET and DELETE /v1/responses/{id},
// GET /v1/responses/{id}/input_items
#include "base/log.h"
#include "serve/answer_json.h"
#include "serve/chat_plan.h"
#include "serve/responses_form.h"

namespace strata::serve {
namespace {

std::string owner_of(const Service& service, const net::Exchange& exchange) {
  return service.keys.name(service.tenant_of(exchange.request()));
}

StoredResponse find(Service& service, const net::Exchange& exchange, const std::string& id,
                    std::string_view param) {
  auto found = service.responses.get(owner_of(service, exchange), id);
  if (!found)
    throw Error(Code::not_found, fmt::format("there is no response '{}'", id.substr(0, 100)),
                "response_not_found", std::string(param));
  return std::move(*found);
}

/// Keeps the response and the conversation with its answer.
OnResponse keeper(const Call& call, const ResponsesRequest& request, Json messages) {
  if (!request.store) return [](const Json&, const Blocks&) {};
  return [weak = call.service.weak_from_this(), owner = owner_of(call.service, *call.exchange),
          input = to_text(request.input),
          messages = std::move(messages)](const Json& response, const Blocks& blocks) {
    const auto service = weak.lock();
    if (!service) return;
    Json all = messages;
    Json message = message_json(blocks);
    // An answer that ended within its reasoning said nothing.
    if (message["content"].is_null() && !message.contains("tool_calls")) message["content"] = "";
    all.push_back(std::move(message));
    try {
      service->responses.put(owner, response["id"].get<std::string>(),
                             {to_text(response), to_text(all), input});
    } catch (const Error& e) {
      log::error("a response is not kept: {}", e.what());
    }
  };
}

void respond(Call& call) {
  ResponsesRequest request = parse_responses_request(call.body);
  Json earlier = Json::array();
  if (request.previous_id)
    earlier = parse_json(find(call.service, *call.exchange, *request.previous_id,
                              "previous_response_id").messages);
  Json body = request.chat;
  body["messages"] = join_messages(request, earlier);
  ChatRequest chat = parse_chat_request(body, call.card(), call.service.defaults());
  // Instructions are of one request: those that follow have their own.
  for (const Json& message : request.messages) earlier.push_back(message);
  auto form = make_responses_form(call, request, keeper(call, request, std::move(earlier)));
  answer_chat(call, chat, std::move(form));
}

const std::string& id_of(const net::Exchange& exchange) {
  return exchange.request().path_parameters.at(0).second;
}

void show(Service& service, const std::shared_ptr<net::Exchange>& exchange) {
  exchange->reply(200, "application/json",
                  find(service, *exchange, id_of(*exchange), "response_id").body);
}

void show_input(Service& service, const std::shared_ptr<net::Exchange>& exchange) {
  const Json items =
      parse_json(find(service, *exchange, id_of(*exchange), "response_id").input);
  exchange->reply(200, "application/json",
                  to_text({{"object", "list"}, {"data", items}, {"has_more", false}}));
}

void remove(Service& service, const std::shared_ptr<net::Exchange>& exchange) {
  const std::string id = id_of(*exchange);
  find(service, *exchange, id, "response_id");
  service.responses.remove(owner_of(service, *exchange), id);
  exchange->reply(200, "application/json",
                  to_text({{"id", id}, {"object", "response"}, {"deleted", true}}));
}

const Route routes[] = {
    {"POST", "/v1/responses", respond, "answer items, going on from an earlier response",
     responses_schema},
    {"GET", "/v1/responses/{id}", show, "a response that was kept"},
    {"GET", "/v1/responses/{id}/input_items", show_input, "what it was asked"},
    {"DELETE", "/v1/responses/{id}", remove, "forget it"}};
const Registry<Api> registered{Api{"responses", routes}};

}  // namespace
}  // namespace strata::serve
