#include "base/log.h"
#include "engine/executor.h"
#include "fleet/opener.h"
#include "kernel/level.h"

namespace strata::fleet {
namespace {

class OpenedEngine : public OpenedModel {
 public:
  OpenedEngine(std::shared_ptr<const model::Model> model, engine::EngineOptions options)
      : model_(std::move(model)), options_(std::move(options)),
        bytes_(engine::plan_memory(*model_, options_)) {}
  size_t bytes() const override { return bytes_; }
  std::unique_ptr<Backend> load(const OnProgress& on_progress) override {
    options_.on_progress = on_progress;
    auto engine = std::make_unique<engine::Engine>(model_, options_);
    const engine::EngineOptions& chosen = engine->options();
    log::info("{} ({}): {} threads, {}, context {}, {} sequences", model_->name,
              model_->hyper.arch, chosen.threads, kernel::isa_name(kernel::isa_level()),
              chosen.max_model_len, chosen.max_num_seqs);
    return make_backend(std::move(engine));
  }

 private:
  const std::shared_ptr<const model::Model> model_;
  engine::EngineOptions options_;
  const size_t bytes_;
};

class OpenedEmbedder : public OpenedModel {
 public:
  OpenedEmbedder(std::shared_ptr<const model::Model> model, const engine::EngineOptions& o)
      : model_(std::move(model)),
        options_{.threads = o.threads,
                 .max_model_len = o.max_model_len,
                 .max_num_seqs = o.max_num_seqs},
        bytes_(engine::plan_memory(*model_, options_)) {}
  size_t bytes() const override { return bytes_; }
  std::unique_ptr<Backend> load(const OnProgress& on_progress) override {
    auto embedder = std::make_unique<engine::Embedder>(model_, options_);
    if (on_progress) on_progress(1);
    log::info("{} ({}): vectors of {}, {} threads, {}, context {}", model_->name,
              model_->hyper.arch, embedder->width(), embedder->options().threads,
              kernel::isa_name(kernel::isa_level()), embedder->options().max_model_len);
    return make_backend(std::move(embedder));
  }

 private:
  const std::shared_ptr<const model::Model> model_;
  const engine::EmbedderOptions options_;
  const size_t bytes_;
};

}  // namespace

std::unique_ptr<OpenedModel> open_model(const ModelSpec& spec) {
  const auto model = model::load(spec.path);
  const bool made_for_it =
      !model->hyper.causal || model::default_pooling(*model) == model::Pooling::rank;
  const bool embeds =
      spec.task == Task::embed || (spec.task == Task::automatic && made_for_it);
  if (embeds) return std::make_unique<OpenedEmbedder>(model, spec.engine);
  return std::make_unique<OpenedEngine>(model, spec.engine);
}

}  // namespace strata::fleet
