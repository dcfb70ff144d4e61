#include "model/family_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/registry.h"
#include "model/family.h"

namespace strata::model {
namespace {

std::string model_types(const Family& f) {
  std::string text;
  for (std::string_view type : f.hf) text += fmt::format("{}`{}`", text.empty() ? "" : ", ", type);
  return text;
}

std::string kind(const Family& f) {
  std::string text = f.encoder ? "encoder" : "decoder";
  if (f.experts.n_expert > 0) text += ", experts";
  if (f.latent.rank > 0) text += ", latent attention";
  return text;
}

std::string norms(const Family& f) {
  return fmt::format("{}{}", f.norm == Norm::layer ? "layer" : "RMS",
                     f.parallel ? ", halves side by side" : "");
}

std::string positions(const Family& f) {
  std::string text;
  const auto add = [&](std::string part) { text += (text.empty() ? "" : ", ") + part; };
  if (f.learned_positions) add("learned");
  if (f.alibi_bias_max > 0) add("ALiBi");
  if (f.rotated > 0) {
    add(f.rotated < 1 ? fmt::format("rotary, {} of a head", f.rotated) : "rotary");
    if (f.interleaved_in_hf) add("in pairs");
    if (f.rope_theta_local > 0) add("another base in windows");
  }
  if (f.no_rope == NoRopeRule::interval)
    add(fmt::format("none each {} layers", f.no_rope_interval));
  if (f.no_rope == NoRopeRule::global) add("none beside windows");
  return text;
}

std::string windows(const Family& f) {
  switch (f.windows) {
    case WindowRule::none: return "";
    case WindowRule::all: return "all layers";
    case WindowRule::upper: return "upper layers";
    case WindowRule::alternating: return fmt::format("but each {}", f.window_pattern);
    case WindowRule::after_first: return fmt::format("but the first of {}", f.window_pattern);
  }
  return "";
}

std::string_view activation(kernel::Act act) {
  switch (act) {
    case kernel::Act::silu: return "SiLU";
    case kernel::Act::gelu_tanh: return "GELU (tanh)";
    case kernel::Act::gelu: return "GELU";
    case kernel::Act::relu: return "ReLU";
    case kernel::Act::relu2: return "ReLU^2";
    case kernel::Act::gelu_quick: return "GELU (quick)";
    default: return "";
  }
}

}  // namespace

std::string family_table() {
  std::vector<const Family*> families;
  Registry<Family>::each([&](const Family& f) { families.push_back(&f); });
  std::sort(families.begin(), families.end(),
            [](const Family* a, const Family* b) { return a->name < b->name; });
  std::string text =
      "| in GGUF | in config.json | kind | norm | positions | windows | activation |\n"
      "|---|---|---|---|---|---|---|\n";
  for (const Family* f : families) {
    text += fmt::format("| `{}` | {} | {} | {} | {} | {} | {} |\n", f->name, model_types(*f),
                        kind(*f), norms(*f), positions(*f), windows(*f),
                        activation(f->act));
  }
  return text;
}

}  // namespace strata::model
