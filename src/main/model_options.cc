#include "main/model_options.h"

#include "base/error.h"
#include "model/hub/library.h"

namespace strata {

void add_model_options(CLI::App& command, ModelOptions& o) {
  command.add_option("model", o.model, "path, or name of a pulled model")->required();
  command.add_option("--threads", o.threads, "compute threads (default: one per physical core)");
  command.add_option("--precision", o.precision,
                     "fast: int8 activations, f16 KV (what serving uses); exact: float32")
      ->check(CLI::IsMember({"fast", "exact"}));
}

std::shared_ptr<model::Model> load_model(const ModelOptions& o) {
  return model::load(model::find_model(o.model));
}

engine::EngineOptions engine_options(const ModelOptions& o) {
  return {.threads = o.threads,
          .precision = o.precision == "exact" ? engine::Precision::exact : engine::Precision::fast};
}

const model::Tokenizer& need_tokenizer(const model::Model& model) {
  if (!model.tokenizer) {
    fail(Code::invalid_argument, "{}: the model has no tokenizer, this command needs one",
         model.path);
  }
  return *model.tokenizer;
}

}  // namespace strata
