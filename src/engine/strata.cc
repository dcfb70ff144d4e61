#include "engine/strata.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"
#include "engine/measure/session.h"
#include "kernel/ops.h"
#include "model/hub/library.h"
#include "model/model.h"

namespace strata {
namespace {

constexpr int kContextDefault = 4096;

engine::EngineOptions engine_options(const ModelOptions& o, const model::Model& model) {
  const int trained = std::min(model.hyper.n_context, kContextDefault);
  return {.threads = o.threads,
          .precision = o.exact ? engine::Precision::exact : engine::Precision::fast,
          .max_model_len = o.context > 0 ? o.context : trained};
}

}  // namespace

struct Model::Impl {
  model::Plan plan;
  std::shared_ptr<model::Model> model;
  engine::Session session;

  const model::Tokenizer& tokenizer() const {
    if (!model->tokenizer)
      fail(Code::invalid_argument, "{}: the model has no tokenizer; give it tokens", plan.path);
    return *model->tokenizer;
  }
};

model::Plan Model::plan(const std::string& path_or_name) {
  return model::make_plan(*model::open_store(model::find_model(path_or_name)));
}

Model Model::load(const std::string& path_or_name, const ModelOptions& options) {
  model::Plan plan = Model::plan(path_or_name);
  if (!plan.runs())
    fail(Code::unimplemented, "{}: cannot run: {}", plan.path, fmt::join(plan.blockers, "; "));
  auto model = model::load(plan.path);
  const engine::EngineOptions engine = engine_options(options, *model);
  return Model(std::unique_ptr<Impl>(
      new Impl{std::move(plan), model, engine::Session(*model, engine)}));
}

Model::Model(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Model::Model(Model&&) noexcept = default;
Model& Model::operator=(Model&&) noexcept = default;
Model::~Model() = default;

const model::Plan& Model::plan() const { return impl_->plan; }

std::vector<int32_t> Model::encode(std::string_view text) const {
  return impl_->tokenizer().encode(text);
}

std::string Model::decode(std::span<const int32_t> tokens) const {
  return impl_->tokenizer().decode(tokens, true);
}

std::vector<float> Model::logits(std::span<const int32_t> tokens) {
  if (tokens.empty()) fail(Code::invalid_argument, "no tokens: logits are of what follows them");
  impl_->session.rewind(0);
  const float* last = impl_->session.append(tokens);
  return {last, last + impl_->session.n_vocab()};
}

std::string Model::complete(std::string_view prompt, int max_tokens) {
  const model::Tokenizer& tokenizer = impl_->tokenizer();
  const std::vector<int32_t> tokens = encode(prompt);
  if (tokens.empty()) fail(Code::invalid_argument, "an empty prompt");
  impl_->session.rewind(0);
  const float* last = impl_->session.append(tokens);
  std::vector<int32_t> out;
  while (static_cast<int>(out.size()) < max_tokens) {
    const auto next =
        static_cast<int32_t>(kernel::argmax(last, impl_->session.n_vocab()));
    if (std::find(tokenizer.stop.begin(), tokenizer.stop.end(), next) != tokenizer.stop.end())
      break;
    out.push_back(next);
    if (static_cast<int>(out.size()) < max_tokens)
      last = impl_->session.append(std::span(&out.back(), 1));
  }
  return decode(out);
}

}  // namespace strata
