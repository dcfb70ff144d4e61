#include "serve/backend.h"

namespace strata::serve {
namespace {

class EngineBackend : public Backend {
 public:
  explicit EngineBackend(engine::Engine& engine) : engine_(engine) {}

  Info info() const override {
    const model::Model& m = engine_.model();
    return {m.name, m.path, m.hyper.n_vocab, engine_.options().max_model_len};
  }
  const model::Tokenizer* tokenizer() const override { return engine_.model().tokenizer.get(); }
  const model::ChatTemplate* chat_template() const override {
    const auto& chat_template = engine_.model().chat_template;
    return chat_template ? &*chat_template : nullptr;
  }
  uint64_t submit(engine::Request request, engine::OnEvent on_event) override {
    return engine_.submit(std::move(request), std::move(on_event));
  }
  void cancel(uint64_t id) override { engine_.cancel(id); }
  void finish(uint64_t id, int index) override { engine_.finish(id, index); }
  bool drain(double timeout_s) override { return engine_.drain(timeout_s); }
  engine::EngineStats stats() const override { return engine_.stats(); }
  double step_age_s() const override { return engine_.step_age_s(); }

 private:
  engine::Engine& engine_;
};

}  // namespace

std::unique_ptr<Backend> make_backend(engine::Engine& engine) {
  return std::make_unique<EngineBackend>(engine);
}

}  // namespace strata::serve
