// Ollama's API for models: GET /api/tags, /api/ps, /api/version, POST /api/show, /api/pull,
// DELETE /api/delete
#include <algorithm>
#include <atomic>
#include <map>
#include <thread>

#include "base/background.h"
#include "base/clock.h"
#include "base/version.h"
#include "model/hub/library.h"
#include "model/hub/pull.h"
#include "model/hub/source.h"
#include "serve/error.h"
#include "serve/ndjson.h"
#include "serve/service.h"

namespace strata::serve {
namespace {

constexpr int max_pulls = 4;            // at a time
constexpr double progress_step_s = 0.2;

std::string digest_of(const fleet::ModelState& state) {
  return fmt::format("{:016x}", std::hash<std::string>{}(state.spec.path + state.spec.name()));
}

std::string size_text(int64_t parameters) {
  if (parameters >= 1'000'000'000) return fmt::format("{:.1f}B", double(parameters) / 1e9);
  return fmt::format("{:.0f}M", double(parameters) / 1e6);
}

Json details(const fleet::ModelState& state) {
  const std::string family = state.info ? state.info->arch : "";
  return {{"parent_model", ""},
          {"format", state.spec.path.ends_with(".gguf") ? "gguf" : "safetensors"},
          {"family", family},
          {"families", Json::array({family})},
          {"parameter_size", state.info ? size_text(state.info->parameters) : ""},
          {"quantization_level", ""}};
}

void tags(Service& service, const std::shared_ptr<net::Exchange>& exchange) {
  std::map<std::string, model::LibraryEntry> library;
  for (model::LibraryEntry& entry : model::library()) library[entry.path] = entry;
  Json models = Json::array();
  for (const fleet::ModelState& state : service.fleet->list()) {
    const auto found = library.find(state.spec.path);
    const bool known = found != library.end();
    models.push_back(
        {{"name", state.spec.name()},
         {"model", state.spec.name()},
         {"modified_at", iso_time(known ? found->second.modified_s : service.started_at)},
         {"size", known ? found->second.bytes : state.info ? state.info->file_bytes : 0},
         {"digest", digest_of(state)},
         {"details", details(state)}});
  }
  exchange->reply(200, "application/json", to_text({{"models", std::move(models)}}));
}

void running(Service& service, const std::shared_ptr<net::Exchange>& exchange) {
  constexpr int64_t for_ever_s = 100LL * 365 * 86400;
  Json models = Json::array();
  for (const fleet::ModelState& state : service.fleet->list()) {
    if (state.phase == fleet::Phase::cold) continue;
    const auto left = static_cast<int64_t>(state.expires_in_s);
    models.push_back({{"name", state.spec.name()},
                      {"model", state.spec.name()},
                      {"size", state.bytes},
                      {"size_vram", 0},
                      {"digest", digest_of(state)},
                      {"details", details(state)},
                      {"expires_at", iso_time(unix_time_s() + (left < 0 ? for_ever_s : left))},
                      {"context_length", state.info ? state.info->max_model_len : 0},
                      {"state", fleet::name(state.phase)},
                      {"progress", state.progress},
                      {"users", state.users},
                      {"waiting", state.waiting},
                      {"pinned", state.spec.pinned}});
  }
  exchange->reply(200, "application/json", to_text({{"models", std::move(models)}}));
}

void show_version(Service&, const std::shared_ptr<net::Exchange>& exchange) {
  exchange->reply(200, "application/json", to_text({{"version", version()}}));
}

struct NameRequest {
  std::string name;
  bool stream = true;
};

#define STRATA_SET(statement) [](NameRequest& r, const Json& v) { statement; }
const Field<NameRequest> fields[] = {
    {"model", string(), STRATA_SET(r.name = v.get<std::string>())},
    {"name", string(), STRATA_SET(r.name = v.get<std::string>())},
    {"stream", boolean(), STRATA_SET(r.stream = v.get<bool>())},
    {"verbose", boolean(), nullptr},
    {"insecure", boolean(), nullptr},
};
#undef STRATA_SET

NameRequest read(const net::Exchange& exchange) {
  NameRequest r;
  FieldReader()
      .with(std::span<const Field<NameRequest>>(fields), r)
      .read(parse_json(exchange.request().body));
  if (r.name.empty()) bad_field("model", "'model' is required", "missing_parameter");
  return r;
}

/// Loads the model, whose files say what it is.
void show(Call& call) {
  const fleet::ModelState state = call.service.fleet->state(call.card().name);
  const model::ChatTemplate* chat = call.model->backend->chat_template();
  Json capabilities = Json::array();
  const bool embeds = state.info->embedding_width > 0;
  capabilities.push_back(embeds ? "embedding" : "completion");
  if (chat && chat->source().find("tools") != std::string::npos) capabilities.push_back("tools");
  const std::string& arch = state.info->arch;
  call.exchange->reply(
      200, "application/json",
      to_text({{"modelfile", fmt::format("FROM {}\n", call.card().name)},
               {"parameters", ""},
               {"template", chat ? chat->source() : std::string()},
               {"details", details(state)},
               {"model_info",
                {{"general.architecture", arch},
                 {"general.parameter_count", state.info->parameters},
                 {arch + ".context_length", state.info->max_model_len},
                 {arch + ".vocab_size", state.info->n_vocab}}},
               {"capabilities", std::move(capabilities)},
               {"modified_at", iso_time(call.service.started_at)}}));
}

/// A download under way, told line by line.
class Pull {
 public:
  Pull(std::shared_ptr<net::Exchange> exchange, bool stream)
      : exchange_(std::move(exchange)), stream_(stream) {
    exchange_->on_disconnect([this_is_gone = gone_] { *this_is_gone = true; });
    if (stream_) exchange_->start(200, "application/x-ndjson");
  }
  void line(const Json& json) {
    if (!stream_) return;
    std::string out;
    append_line(out, json);
    exchange_->send(std::move(out));
  }
  void progress(const std::string& file, int64_t bytes, int64_t total) {
    if (*gone_) fail(Code::cancelled, "the client went away");
    const double now = now_s();
    if (now - last_s_ < progress_step_s && bytes != total) return;
    last_s_ = now;
    Json json = {{"status", "pulling " + file}, {"digest", file}, {"completed", bytes}};
    if (total >= 0) json["total"] = total;
    line(json);
  }
  void succeed() {
    if (!stream_) return exchange_->reply(200, "application/json",
                                          to_text({{"status", "success"}}));
    line({{"status", "success"}});
    exchange_->end();
  }
  void fail_with(const Error& error) {
    if (!stream_) return reply_error(*exchange_, error);
    line({{"error", error.what()}});
    exchange_->end();
  }

 private:
  const std::shared_ptr<net::Exchange> exchange_;
  const bool stream_;
  const std::shared_ptr<std::atomic<bool>> gone_ = std::make_shared<std::atomic<bool>>(false);
  double last_s_ = 0;
};

std::atomic<int> pulls = 0;

/// Hubs and the catalogue alone: neither files of this machine nor hosts of the client's choice.
void require_hub(const std::string& source) {
  if (model::parse_source(source).kind != model::PullSource::Kind::hub)
    fail(Code::permission_denied,
         "'{}' is not a model of a hub: give HUB:OWNER/NAME or a name of the catalogue",
         source.substr(0, 200));
}

void pull(Service& service, const std::shared_ptr<net::Exchange>& exchange) {
  service.require_admin(exchange->request());
  const NameRequest r = read(*exchange);
  require_hub(r.name);
  if (++pulls > max_pulls) {
    --pulls;
    fail(Code::resource_exhausted, "{} models are being pulled already", max_pulls);
  }
  // Of its own thread, not of a worker: it takes minutes.
  std::thread([r, exchange] {
    enter_background(5);
    Pull answer(exchange, r.stream);
    try {
      answer.line({{"status", "pulling manifest"}});
      model::pull(r.name, {.on_progress = [&](const std::string& file, int64_t bytes,
                                              int64_t total) {
                    answer.progress(file, bytes, total);
                  }});
      answer.succeed();
    } catch (const Error& e) {
      answer.fail_with(e);
    } catch (const std::exception& e) {
      answer.fail_with(Error(Code::internal, e.what()));
    }
    --pulls;
  }).detach();
}

void remove(Service& service, const std::shared_ptr<net::Exchange>& exchange) {
  service.require_admin(exchange->request());
  const NameRequest r = read(*exchange);
  const fleet::ModelState state = service.fleet->state(r.name);
  const auto library = model::library();
  const bool pulled = std::any_of(library.begin(), library.end(), [&](const auto& entry) {
    return entry.path == state.spec.path;
  });
  if (!pulled)
    fail(Code::permission_denied, "'{}' was not pulled: its files are left alone",
         state.spec.name());
  service.fleet->remove(r.name);
  model::remove_model(state.spec.name());
  exchange->reply(200, "application/json", "{}");
}

const Route routes[] = {{"GET", "/api/tags", tags, "the models, in Ollama's form"},
                        {"GET", "/api/ps", running, "those that are loaded"},
                        {"GET", "/api/version", show_version, "what is running"},
                        {"POST", "/api/show", show, "what a model is"},
                        {"POST", "/api/pull", pull, "fetch a model from a hub"},
                        {"DELETE", "/api/delete", remove, "delete a pulled model"}};
const Registry<Api> registered{Api{"ollama_models", routes}};

}  // namespace
}  // namespace strata::serve
