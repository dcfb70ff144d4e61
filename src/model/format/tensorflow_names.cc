#include "model/format/tensorflow_names.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "model/format/strided.h"

namespace strata::model {
namespace {

constexpr std::string_view kNoWeights[] = {".OPTIMIZER_SLOT", "_CHECKPOINTABLE_OBJECT_GRAPH",
                                           "save_counter",    "global_step",
                                           "optimizer",       "adam_m",
                                           "adam_v",          "moving_mean",
                                           "moving_variance"};
// Wrappers of Keras that are no part of a name.
constexpr std::string_view kDropped[] = {"_layer_checkpoint_dependencies", ".ATTRIBUTES",
                                         "VARIABLE_VALUE"};
constexpr std::pair<std::string_view, std::string_view> kLast[] = {
    {"kernel", "weight"},   {"gamma", "weight"},           {"embeddings", "weight"},
    {"scale", "weight"},    {"embedding_table", "weight"}, {"beta", "bias"},
    {"output_bias", "bias"}};

std::vector<std::string> parts_of(std::string_view name) {
  if (name.ends_with(":0")) name.remove_suffix(2);
  std::vector<std::string> parts;
  while (!name.empty()) {
    const size_t slash = std::min(name.find('/'), name.size());
    std::string part(name.substr(0, slash));
    name.remove_prefix(std::min(slash + 1, name.size()));
    if (part.empty() || std::count(std::begin(kDropped), std::end(kDropped), part)) continue;
    // transformers writes member i of a list as "layer_._i".
    if (const size_t at = part.find("_._"); at != part.npos) {
      parts.push_back(part.substr(0, at));
      part = part.substr(at + 3);
    }
    parts.push_back(std::move(part));
  }
  return parts;
}

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == text.npos;
}

// Keras names the members of a list after their class, "block", "block_1"; Google's BERT writes
// "layer_1" for a member of "layer".
void number_lists(std::vector<std::string>& parts) {
  for (size_t i = 0; i < parts.size(); ++i) {
    const size_t line = parts[i].rfind('_');
    const bool numbered =
        line != std::string::npos && is_number(std::string_view(parts[i]).substr(line + 1));
    if (i > 0 && parts[i - 1] == "layers" && !is_number(parts[i])) {
      parts[i] = numbered ? parts[i].substr(line + 1) : "0";
    } else if (numbered && parts[i].substr(0, line) == "layer") {
      const std::string number = parts[i].substr(line + 1);
      parts[i] = "layer";
      parts.insert(parts.begin() + static_cast<ptrdiff_t>(++i), number);
    }
  }
}

}  // namespace

TensorFlowName tensorflow_to_hf(std::string_view name, size_t dims) {
  for (std::string_view part : kNoWeights)
    if (name.find(part) != name.npos) return {};
  std::vector<std::string> parts = parts_of(name);
  // The class of the whole model ("tf_bert_model"), and what a file puts before it.
  for (size_t i = parts.size(); i-- > 0;) {
    if (!parts[i].starts_with("tf")) continue;
    parts.erase(parts.begin(), parts.begin() + static_cast<ptrdiff_t>(i) + 1);
    break;
  }
  // Keras keeps the children of the model itself in a list, each under the name of its class.
  if (parts.size() > 1 && parts[0] == "layers" && !is_number(parts[1])) parts.erase(parts.begin());
  number_lists(parts);
  if (parts.empty()) return {};
  TensorFlowName out;
  if (parts.size() >= 3 && parts[parts.size() - 2] == "vars") {
    // Keras 3 numbers a layer's variables: what is multiplied comes first, then what is added.
    const bool first = parts.back() == "0";
    parts.resize(parts.size() - 2);
    const bool table = parts.back().find("embed") != std::string::npos;
    parts.push_back(!first ? "bias" : dims == 2 && !table ? "kernel" : "gamma");
  }
  out.transposed = parts.back() == "kernel" && dims == 2;
  for (const auto& [theirs, ours] : kLast)
    if (parts.back() == theirs) parts.back() = ours;
  out.name = fmt::format("{}", fmt::join(parts, "."));
  return out;
}

void tensorflow_to_hf(std::vector<FoundTensor>& tensors) {
  std::vector<FoundTensor> out;
  for (FoundTensor& t : tensors) {
    auto& shape = t.tensor.shape;
    const TensorFlowName to = tensorflow_to_hf(t.tensor.name, shape.size());
    if (to.name.empty()) continue;
    FoundTensor found = to.transposed && t.element_bytes() > 0 ? transposed(t) : std::move(t);
    found.tensor.name = to.name;
    // Conv1D of GPT-2 keeps its bias as a matrix of one row.
    auto& dims = found.tensor.shape;
    if (to.name.ends_with(".bias") && dims.size() == 2 && dims[0] == 1) dims.erase(dims.begin());
    out.push_back(std::move(found));
  }
  tensors = std::move(out);
}

}  // namespace strata::model
