#include "main/model_options.h"

#include "base/error.h"
#include "model/hub/library.h"

namespace strata {

void add_model_options(CLI::App& command, ModelOptions& o) {
  command.add_option("model", o.model, "path, or name of a pulled model")->required();
  add_machine_options(command, o.machine);
  command
      .add_option("--precision", o.precision,
                  "fast: int8 activations, f16 KV (what serving uses); exact: float32")
      ->check(CLI::IsMember({"fast", "exact"}));
}

void add_machine_options(CLI::App& command, engine::EngineOptions& o) {
  command.add_option("--threads", o.threads, "compute threads (default: one per physical core)");
  command
      .add_option_function<std::string>(
          "--numa", [&o](const std::string& mode) { o.numa = numa_mode(mode); },
          "shard: weights lie on the node that multiplies them; distribute: interleaved over "
          "nodes; isolate: one node; numactl: as numactl says (default: shard)")
      ->check(CLI::IsMember({"shard", "distribute", "isolate", "numactl"}));
  command.add_flag_callback(
      "--no-pin", [&o] { o.pin = false; },
      "Compute threads may move between CPUs, where others use them too");
  command.add_option("--layout-file", o.layout_file,
                     "packed weights of convert --layout (default: beside the model, if there)");
  command
      .add_option("--kv-cache-dtype", o.kv_cache_dtype,
                  "keys and values: f32, f16, bf16, q8_0 and q4_0 (rotated, or _plain); auto: f16")
      ->check(CLI::IsMember({"auto", "f32", "f16", "bf16", "q8_0", "q8_0_plain", "q4_0",
                             "q4_0_plain"}));
}

std::shared_ptr<model::Model> load_model(const ModelOptions& o) {
  return model::load(model::find_model(o.model));
}

engine::EngineOptions engine_options(const ModelOptions& o) {
  engine::EngineOptions options = o.machine;
  options.precision = o.precision == "exact" ? engine::Precision::exact : engine::Precision::fast;
  return options;
}

const model::Tokenizer& need_tokenizer(const model::Model& model) {
  if (!model.tokenizer) {
    fail(Code::invalid_argument, "{}: the model has no tokenizer, this command needs one",
         model.path);
  }
  return *model.tokenizer;
}

}  // namespace strata
