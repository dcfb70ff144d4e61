#include <fmt/format.h>

#include <memory>

#include "kernel/kv.h"
#include "main/command.h"
#include "main/config_file.h"
#include "main/model_options.h"
#include "main/serving.h"

namespace strata {
namespace {

void add(CLI::App& app) {
  auto o = std::make_shared<ServingOptions>();
  CLI::App* c = add_command(app, "serve", "serve models over HTTP: the OpenAI API and others",
                            "strata serve SmolLM2-135M-Instruct.Q4_1 --port 8000");
  engine::EngineOptions& e = o->engine;
  serve::AppOptions& a = o->app;
  c->add_option("models", o->models,
                "MODEL or NAME=MODEL, a path or the name of a pulled model; several are loaded "
                "when asked for (default: all that were pulled)");
  c->add_option("--host", a.host, "address to listen on")->capture_default_str();
  c->add_option("--port", a.port, "port, 0: any free one")->check(CLI::Range(0, 65535))
      ->capture_default_str();
  c->add_option("--api-key", o->api_keys, "key that clients must send; may be repeated")
      ->envname("STRATA_API_KEY");
  c->add_flag("--allow-anonymous", a.allow_anonymous,
              "without keys, also for other machines (--host beyond 127.0.0.1)");
  c->add_option("--state-folder", a.state_folder,
                "folder for usage, responses and batches (default: in memory)");
  c->add_option("--access-log", a.access_log, "file for a JSON line a request, - standard output");
  c->add_option("--tls-certificate", a.tls_certificate, "PEM file with the certificate chain");
  c->add_option("--tls-key", a.tls_key, "PEM file with its key");
  c->add_option("--task", o->task, "generate text, or embed: make vectors of texts (default: what "
                                   "the model is for)")
      ->transform(CLI::CheckedTransformer(std::map<std::string, fleet::Task>{
          {"generate", fleet::Task::generate}, {"embed", fleet::Task::embed}}));
  c->add_option("--served-model-name", o->served_names, "name(s) of the first model for clients");
  c->add_flag("--library", o->library, "serve the pulled models too");
  c->add_option("--pin", o->pinned, "load this model at start and keep it; may be repeated");
  c->add_option("--model-memory", o->fleet.memory_bytes,
                "memory of all loaded models (default, with several: most of what is free)")
      ->transform(CLI::AsSizeValue(false));
  c->add_option("--keep-alive", o->fleet.keep_alive_s,
                "seconds that an unused model stays loaded, negative: for ever")
      ->capture_default_str();
  c->add_option("--cors-origin", a.cors_origins, "origins allowed in browsers, * for any");
  c->add_option("--tool-call-parser", o->dialect.tool_calls,
                "how the model writes tool calls: auto (by its chat template) or a name of vLLM's")
      ->capture_default_str();
  c->add_option("--reasoning-parser", o->dialect.reasoning,
                "how it marks reasoning: auto, none or a name of vLLM's")
      ->capture_default_str();
  c->add_flag_callback("--enable-auto-tool-choice", [] {},
                       "accepted, as vLLM has it: tools may always be called");
  add_machine_options(*c, e);
  c->add_option("--max-model-len", e.max_model_len, "context, tokens (default: the model's)")
      ->check(CLI::NonNegativeNumber);
  c->add_option("--max-num-seqs", e.max_num_seqs, "sequences running at once")
      ->check(CLI::Range(1, 65536))->capture_default_str();
  c->add_option("--max-num-batched-tokens", e.max_num_batched_tokens, "tokens of a step")
      ->check(CLI::Range(1, 65536))->capture_default_str();
  c->add_option("--kv-cache-bytes", e.kv_bytes, "memory of the KV cache (default: what is free)")
      ->transform(CLI::AsSizeValue(false));
  c->add_option("--block-size", o->block_size, "positions of a KV block: what kernels are made for")
      ->check(CLI::IsMember({kernel::kKvBlock}))->capture_default_str();
  c->add_flag("--deterministic", e.deterministic,
              "a request's text is the same alone and in any batch");
  c->add_flag("--enable-prefix-caching,!--no-enable-prefix-caching", e.prefix_caching,
              "reuse the KV of common prefixes (on)");
  c->add_flag("--disable-hybrid-kv-cache-manager{false}", e.kv_by_window,
              "layers with a sliding window keep all positions, as the others do");
  c->add_option("--kv-ram-bytes", e.kv_ram_bytes, "memory for KV blocks that had to make room")
      ->transform(CLI::AsSizeValue(false));
  c->add_option("--kv-disk-path", e.kv_disk_path,
                "folder for KV blocks used more than once, kept over restarts");
  c->add_option("--kv-disk-bytes", e.kv_disk_bytes, "most that the folder may hold")
      ->transform(CLI::AsSizeValue(false))->capture_default_str();
  c->add_option("--max-waiting", e.max_waiting, "requests that may queue")
      ->check(CLI::Range(1, 1 << 20));
  c->add_option("--scheduling-policy", e.scheduling_policy,
                "priority: by priority, fairly between API keys, by deadline; fcfs: by arrival")
      ->transform(CLI::CheckedTransformer(std::map<std::string, engine::SchedulingPolicy>{
          {"priority", engine::SchedulingPolicy::priority},
          {"fcfs", engine::SchedulingPolicy::fcfs}}));
  c->add_option("--itl-target-ms", e.itl_target_ms,
                "time between tokens that long prompts may not exceed, 0: none")
      ->check(CLI::NonNegativeNumber)->capture_default_str();
  c->add_option("--num-scheduler-steps", e.num_scheduler_steps,
                "steps that one schedule may serve while nothing waits")
      ->check(CLI::Range(1, 1024))->capture_default_str();
  c->add_option("--speculation", e.speculation,
                "drafts from the text itself (ngram), from past outputs (suffix), all, off")
      ->transform(CLI::CheckedTransformer(std::map<std::string, engine::Speculation>{
          {"off", engine::Speculation::off},
          {"ngram", engine::Speculation::ngram},
          {"suffix", engine::Speculation::suffix},
          {"all", engine::Speculation::all}}));
  c->add_option("--draft-model", e.draft_model,
                "a smaller model of the same vocabulary that drafts: path, or name of a pulled "
                "one");
  c->add_option("--num-speculative-tokens", e.num_speculative_tokens,
                "most drafted tokens of a sequence and step")
      ->check(CLI::Range(0, 64))->capture_default_str();
  c->add_option("--watchdog", a.watchdog_s,
                "seconds after which a step counts as hung: /health turns red, 0: never")
      ->check(CLI::NonNegativeNumber)->capture_default_str();
  c->add_option("--shutdown-timeout", o->shutdown_timeout_s,
                "seconds that running requests may finish in after SIGTERM")
      ->check(CLI::NonNegativeNumber);
  auto config = std::make_shared<std::string>();
  auto check = std::make_shared<bool>(false);
  c->add_option("--config", *config, "TOML file with any of these options, models and keys");
  c->add_flag("--check", *check, "only say whether options, models and keys are valid");
  c->callback([o, c, config, check] {
    if (!config->empty()) read_config_file(*config, *c, *o);
    if (*check) fmt::print("{}", check_serving(*o));
    else serve_until_stopped(*o);
  });
}

const Registry<Command> entry{{.name = "serve", .order = 20, .add = add}};

}  // namespace
}  // namespace strata
