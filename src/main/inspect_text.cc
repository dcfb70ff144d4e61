#include "main/inspect_text.h"

#include <fmt/format.h>

#include "graph/barrier.h"
#include "graph/executor.h"
#include "graph/memory_plan.h"
#include "kernel/type.h"
#include "model/plan.h"

namespace strata {
namespace {

constexpr size_t kTextShown = 120;   // characters of a metadata value
constexpr size_t kItemsShown = 8;    // items of an array

template <class T>
std::string array_text(const std::vector<T>& items) {
  std::string text = "[";
  for (size_t i = 0; i < items.size() && i < kItemsShown; ++i)
    text += fmt::format("{}{}", i ? ", " : "", items[i]);
  return text + (items.size() > kItemsShown ? fmt::format(", ... {} items]", items.size()) : "]");
}

std::string value_text(const model::Value& value) {
  std::string text = std::visit(
      [](const auto& v) -> std::string {
        using V = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<V, std::string> || std::is_arithmetic_v<V>)
          return fmt::format("{}", v);
        else
          return array_text(v);
      },
      value.v);
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 32) c = ' ';
  if (text.size() > kTextShown) text = text.substr(0, kTextShown) + "...";
  return text;
}

std::string shape_text(const graph::StoredTensor& t) {
  std::string text;
  for (int64_t d : t.shape) text += fmt::format("{}{}", text.empty() ? "" : " x ", d);
  return text;
}

}  // namespace

std::string inspect_text(const model::Store& store, bool all_tensors) {
  std::string text = store.metadata().values.empty() ? "" : "metadata\n";
  for (const auto& [key, value] : store.metadata().values)
    text += fmt::format("  {} = {}\n", key, value_text(value));
  text += fmt::format("\ntensors: {}, {} bytes\n", store.tensors().size(), store.total_bytes());
  for (const model::TypeSize& s : model::sizes_by_type(store)) {
    text += fmt::format("  {:<8} {:>5} tensors {:>14} values {:>14} bytes  {:.2f} bits a value\n",
                        kernel::info(s.type).name, s.tensors, s.elements, s.bytes,
                        8.0 * static_cast<double>(s.bytes) / static_cast<double>(s.elements));
  }
  if (!all_tensors) return text + "(--tensors lists each, --graph shows the compiled graph)\n";
  for (size_t i = 0; i < store.tensors().size(); ++i) {
    const graph::StoredTensor& t = store.tensors()[i];
    text += fmt::format("  {:<32} {:<8} {:>20} {:>12} bytes", t.name, kernel::info(t.type).name,
                        shape_text(t), t.bytes);
    text += store.file_name(i) == t.name ? "\n" : fmt::format("  ({})\n", store.file_name(i));
  }
  for (const model::UnsupportedTensor& u : store.unsupported())
    text += fmt::format("  {:<32} {:<8} cannot be computed with\n", u.file_name, u.type);
  return text;
}

nlohmann::json inspect_json(const model::Store& store) {
  const model::Plan plan = model::make_plan(store);
  nlohmann::json json = {{"path", store.path()},
                         {"format", store.format()},
                         {"container", plan.container},
                         {"architecture", plan.architecture},
                         {"parameters", plan.parameters},
                         {"context", plan.n_context},
                         {"kv_bytes_a_token", plan.kv_bytes_a_token},
                         {"tokenizer", plan.tokenizer},
                         {"runs", plan.runs()},
                         {"blockers", plan.blockers},
                         {"remarks", plan.remarks},
                         {"bytes", store.total_bytes()}};
  for (auto [window, bytes] : plan.kv_window_bytes)
    json["kv_windows"].push_back({{"positions", window}, {"bytes_a_token", bytes}});
  for (const auto& [key, value] : store.metadata().values) {
    std::visit([&, &key = key](const auto& v) { json["metadata"][key] = v; }, value.v);
  }
  for (const model::TypeSize& s : model::sizes_by_type(store)) {
    json["types"][std::string(kernel::info(s.type).name)] = {
        {"tensors", s.tensors}, {"elements", s.elements}, {"bytes", s.bytes}};
  }
  for (const graph::StoredTensor& t : store.tensors()) {
    json["tensors"].push_back({{"name", t.name}, {"type", kernel::info(t.type).name},
                               {"shape", t.shape}, {"bytes", t.bytes}});
  }
  for (const model::UnsupportedTensor& u : store.unsupported())
    json["unsupported"].push_back({{"name", u.file_name}, {"type", u.type}, {"shape", u.shape}});
  return json;
}

std::string plan_text(const graph::Graph& g) {
  const graph::ExecutorOptions defaults;
  const graph::MemoryPlan plan =
      graph::plan_memory(g, defaults.max_tokens, defaults.max_outputs);
  return fmt::format(
      "\n== memory plan\n{} activation bytes for {} tokens and {} outputs, {} a thread\n"
      "\n== threads\n{} barriers a step of one token, {} of {} tokens\n",
      plan.shared_bytes, defaults.max_tokens, defaults.max_outputs, plan.private_bytes,
      graph::barriers(g, 1), graph::barriers(g, defaults.max_tokens), defaults.max_tokens);
}

}  // namespace strata
