#include "model/plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "model/arch.h"
#include "model/format/mapped_store.h"
#include "model/model.h"
#include "model/side_files.h"

namespace strata::model {
namespace {

constexpr size_t kNamed = 3;   // tensors that a remark names

// What the compiled graph asks for that the files lack is found by building it, which reads shapes.
void check_graph(const Store& store, const Hyper& hyper, Plan& plan) {
  const Arch* arch = Registry<Arch>::find(hyper.arch);
  if (!arch) {
    plan.blockers.push_back(fmt::format("architecture '{}' is not supported; supported are {}",
                                        hyper.arch, arch_names()));
    return;
  }
  const Weights weights(store, hyper);
  const graph::Graph g = build_graph(*arch, hyper, weights);
  for (const graph::CacheSpec& c : g.caches) {
    const size_t bytes = static_cast<size_t>(c.n_head_kv) * (c.latent ? c.d_k : c.d_k + c.d_v) * 2;
    plan.kv_bytes_a_token += bytes;
    if (c.window > 0) plan.kv_window_bytes[c.window] += bytes;
  }
}

void remark_unsupported(const Store& store, Plan& plan) {
  if (store.unsupported().empty()) return;
  std::string names;
  for (size_t i = 0; i < store.unsupported().size() && i < kNamed; ++i) {
    const UnsupportedTensor& u = store.unsupported()[i];
    names += fmt::format("{}{} ({})", i ? ", " : "", u.file_name, u.type);
  }
  plan.remarks.push_back(fmt::format("{} tensors cannot be computed with: {}{}",
                                     store.unsupported().size(), names,
                                     store.unsupported().size() > kNamed ? ", ..." : ""));
}

template <class F>
void blocked(Plan& plan, F&& look) {
  try {
    look();
  } catch (const Error& e) {
    plan.blockers.push_back(e.what());
  }
}

}  // namespace

Plan make_plan(const Store& store) {
  Plan plan;
  plan.path = store.path();
  plan.container = container(store);
  plan.bytes = store.total_bytes();
  plan.types = sizes_by_type(store);
  for (const TypeSize& s : plan.types) plan.parameters += s.elements;
  blocked(plan, [&] {
    const Hyper hyper = read_hyper(store);
    plan.architecture = hyper.arch;
    plan.n_layer = hyper.n_layer;
    plan.d_model = hyper.d_model;
    plan.n_vocab = hyper.n_vocab;
    plan.n_context = hyper.n_context;
    check_graph(store, hyper, plan);
  });
  remark_unsupported(store, plan);
  try {
    if (has_tokenizer(store)) plan.tokenizer = make_tokenizer(store)->model;
    else plan.remarks.push_back("no tokenizer: it takes token ids alone");
  } catch (const Error& e) {
    plan.remarks.push_back(fmt::format("its tokenizer cannot be used: {}", e.what()));
  }
  try {
    if (std::string source = chat_template_text(store); !source.empty()) {
      ChatTemplate compiled(std::move(source));
      plan.chat = true;
    }
  } catch (const Error& e) {
    plan.remarks.push_back(fmt::format("its chat template does not compile: {}", e.what()));
  }
  return plan;
}

std::string plan_text(const Plan& p) {
  std::string text = fmt::format("{} ({})\n", p.path, p.container);
  if (!p.architecture.empty())
    text += fmt::format("architecture {}: {} layers, width {}, {} tokens, context {}\n",
                        p.architecture, p.n_layer, p.d_model, p.n_vocab, p.n_context);
  text += fmt::format("{} parameters in {} bytes:", p.parameters, p.bytes);
  for (const TypeSize& s : p.types)
    text += fmt::format(" {} {:.1f} %", kernel::info(s.type).name,
                        100.0 * static_cast<double>(s.bytes) /
                            static_cast<double>(std::max<size_t>(p.bytes, 1)));
  text += "\n";
  if (p.kv_bytes_a_token > 0) {
    text += fmt::format("cache: {} bytes a token", p.kv_bytes_a_token);
    for (auto [window, bytes] : p.kv_window_bytes)
      text += fmt::format(", {} of them for the last {} alone", bytes, window);
    text += "\n";
  }
  if (!p.tokenizer.empty())
    text += fmt::format("tokenizer {}{}\n", p.tokenizer, p.chat ? ", with a chat template" : "");
  for (const std::string& b : p.blockers) text += fmt::format("cannot run: {}\n", b);
  for (const std::string& r : p.remarks) text += fmt::format("note: {}\n", r);
  if (p.runs()) text += "this build can run it\n";
  return text;
}

}  // namespace strata::model
