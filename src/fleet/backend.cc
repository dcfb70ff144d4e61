#include "fleet/backend.h"

#include <numeric>

#include "base/error.h"

namespace strata::fleet {
namespace {

Backend::Info info_of(const model::Model& m) {
  Backend::Info info{.name = m.name, .path = m.path, .n_vocab = m.hyper.n_vocab};
  info.arch = m.hyper.arch;
  for (const model::TypeSize& size : model::sizes_by_type(*m.store)) {
    info.parameters += size.elements;
    info.file_bytes += static_cast<int64_t>(size.bytes);
  }
  return info;
}

class EngineBackend : public Backend {
 public:
  explicit EngineBackend(std::unique_ptr<engine::Engine> engine) : engine_(std::move(engine)) {}

  Info info() const override {
    Info info = info_of(engine_->model());
    info.max_model_len = engine_->options().max_model_len;
    return info;
  }
  const model::Tokenizer* tokenizer() const override { return engine_->model().tokenizer.get(); }
  const model::ChatTemplate* chat_template() const override {
    const auto& chat_template = engine_->model().chat_template;
    return chat_template ? &*chat_template : nullptr;
  }
  uint64_t submit(engine::Request request, engine::OnEvent on_event) override {
    return engine_->submit(std::move(request), std::move(on_event));
  }
  void cancel(uint64_t id) override { engine_->cancel(id); }
  void finish(uint64_t id, int index) override { engine_->finish(id, index); }
  bool drain(double timeout_s) override { return engine_->drain(timeout_s); }
  engine::EngineStats stats() const override { return engine_->stats(); }
  double step_age_s() const override { return engine_->step_age_s(); }

 private:
  const std::unique_ptr<engine::Engine> engine_;
};

/// Text goes in and vectors come out: what generates is refused.
class EmbedderBackend : public Backend {
 public:
  explicit EmbedderBackend(std::unique_ptr<engine::Embedder> embedder)
      : embedder_(std::move(embedder)) {}

  Info info() const override {
    Info info = info_of(embedder_->model());
    info.max_model_len = embedder_->options().max_model_len;
    info.embedding_width = embedder_->width();
    info.ranks = embedder_->options().pooling == model::Pooling::rank;
    return info;
  }
  const model::Tokenizer* tokenizer() const override { return embedder_->model().tokenizer.get(); }
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
    embedder_->submit(std::move(inputs), std::move(done));
  }
  std::vector<engine::Token> encode(std::string_view text, int most) const override {
    return embedder_->encode(text, most);
  }

 private:
  const std::unique_ptr<engine::Embedder> embedder_;
};

}  // namespace

void Backend::embed(std::vector<std::vector<engine::Token>>, engine::Embedder::OnDone) {
  fail(Code::invalid_argument,
       "this model was started to generate text; start it with --task embed to make vectors");
}

std::vector<engine::Token> Backend::encode(std::string_view text, int) const {
  return tokenizer()->encode(text, {.add_special = true});
}

std::vector<engine::Token> Backend::encode_pair(std::string_view query, std::string_view text,
                                                int most) const {
  std::vector<engine::Token> ids = encode(query, most);
  const bool closed = !ids.empty() && tokenizer()->is_special(ids.back());
  const engine::Token close = closed ? ids.back() : -1;
  // RoBERTa's family, whose vocabularies are byte-level BPE or unigram, separates twice.
  if (closed && tokenizer()->model != "wordpiece") ids.push_back(close);
  const auto second = tokenizer()->encode(text, {.add_special = false});
  ids.insert(ids.end(), second.begin(), second.end());
  const int limit = most > 0 ? std::min(most, info().max_model_len) : info().max_model_len;
  const auto room = static_cast<size_t>(std::max(limit - closed, 1));
  if (ids.size() > room) ids.resize(room);
  if (closed) ids.push_back(close);
  return ids;
}

std::unique_ptr<Backend> make_backend(std::unique_ptr<engine::Embedder> embedder) {
  return std::make_unique<EmbedderBackend>(std::move(embedder));
}

std::unique_ptr<Backend> make_backend(std::unique_ptr<engine::Engine> engine) {
  return std::make_unique<EngineBackend>(std::move(engine));
}

}  // namespace strata::fleet
