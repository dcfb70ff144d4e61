#include "serve/backend.h"

#include "base/error.h"

namespace strata::serve {
namespace {

class EngineBackend : public Backend {
 public:
  explicit EngineBackend(engine::Engine& engine) : engine_(engine) {}

  Info info() const override {
    const model::Model& m = engine_.model();
    return {m.name, m.path, m.hyper.n_vocab, engine_.options().max_model_len, 0};
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

/// Text goes in and vectors come out: what generates is refused.
class EmbedderBackend : public Backend {
 public:
  explicit EmbedderBackend(engine::Embedder& embedder) : embedder_(embedder) {}

  Info info() const override {
    const model::Model& m = embedder_.model();
    return {m.name, m.path, m.hyper.n_vocab, embedder_.options().max_model_len, embedder_.width()};
  }
  const model::Tokenizer* tokenizer() const override { return embedder_.model().tokenizer.get(); }
  const model::ChatTemplate* chat_template() const override { return nullptr; }
  uint64_t submit(engine::Request, engine::OnEvent) override {
    fail(Code::invalid_argument, "this model makes vectors of texts; ask /v1/embeddings");
  }
  void cancel(uint64_t) override {}
  void finish(uint64_t, int) override {}
  bool drain(double) override { return true; }
  engine::EngineStats stats() const override { return {}; }
  double step_age_s() const override { return 0; }
  void embed(std::vector<std::vector<engine::Token>> inputs,
             engine::Embedder::OnDone done) override {
    embedder_.submit(std::move(inputs), std::move(done));
  }
  std::vector<engine::Token> encode(std::string_view text, int most) const override {
    return embedder_.encode(text, most);
  }

 private:
  engine::Embedder& embedder_;
};

}  // namespace

void Backend::embed(std::vector<std::vector<engine::Token>>, engine::Embedder::OnDone) {
  fail(Code::invalid_argument,
       "this model was started to generate text; start it with --task embed to make vectors");
}

std::vector<engine::Token> Backend::encode(std::string_view text, int) const {
  return tokenizer()->encode(text, {.add_special = true});
}

std::unique_ptr<Backend> make_backend(engine::Embedder& embedder) {
  return std::make_unique<EmbedderBackend>(embedder);
}

std::unique_ptr<Backend> make_backend(engine::Engine& engine) {
  return std::make_unique<EngineBackend>(engine);
}

}  // namespace strata::serve
