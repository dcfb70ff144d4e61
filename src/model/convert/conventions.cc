#include "model/convert/conventions.h"

#include <charconv>

namespace strata::model {
namespace {

using graph::StoredTensor;

/// Appends the rows of one head that begins at `first`; rotated ones as pairs where asked.
void add_head(std::vector<int64_t>& order, int64_t first, int d_head, int d_pairs) {
  for (int i = 0; i < d_head; ++i)
    order.push_back(first + (i < d_pairs ? i / 2 + i % 2 * (d_pairs / 2) : i));
}

bool is(const StoredTensor& t, std::string_view name) {
  const std::string_view stem = std::string_view(t.name).substr(0, t.name.rfind('.'));
  return stem.ends_with(name) && stem.size() > name.size() &&
         stem[stem.size() - name.size() - 1] == '.';
}

}  // namespace

std::optional<std::vector<int64_t>> row_order(const StoredTensor& t, const Hyper& h,
                                              bool pairs_in_gguf) {
  const int d_pairs = pairs_in_gguf && !h.rope.interleaved ? h.rope.d : 0;
  std::vector<int64_t> order;
  const bool q = is(t, "attn_q"), k = is(t, "attn_k");
  if (q || k) {
    if (d_pairs == 0) return std::nullopt;
    for (int i = 0; i < (q ? h.n_head : h.n_head_kv); ++i)
      add_head(order, int64_t{i} * h.d_head, h.d_head, d_pairs);
    return order;
  }
  if (!is(t, "attn_qkv") || (!h.qkv_by_group && d_pairs == 0)) return std::nullopt;
  // The file: for each group its queries, key and value; or all queries, all keys, all values.
  const int share = h.n_head / h.n_head_kv;
  const int64_t group = int64_t{share} * h.d_head + h.d_head + h.d_head_v;
  const int64_t keys = int64_t{h.n_head} * h.d_head,
                values = keys + int64_t{h.n_head_kv} * h.d_head;
  for (int i = 0; i < h.n_head; ++i)
    add_head(order,
             h.qkv_by_group ? i / share * group + i % share * h.d_head : int64_t{i} * h.d_head,
             h.d_head, d_pairs);
  for (int i = 0; i < h.n_head_kv; ++i)
    add_head(order,
             h.qkv_by_group ? i * group + int64_t{share} * h.d_head : keys + int64_t{i} * h.d_head,
             h.d_head, d_pairs);
  for (int i = 0; i < h.n_head_kv; ++i)
    add_head(order,
             h.qkv_by_group ? i * group + int64_t{share + 1} * h.d_head
                            : values + int64_t{i} * h.d_head_v,
             h.d_head_v, 0);
  return order;
}

std::optional<ExpertName> expert_name(std::string_view name) {
  const size_t end = name.rfind('.');
  if (end == name.npos || !name.starts_with("blk.")) return std::nullopt;
  const size_t dot = name.rfind('.', end - 1);
  if (dot == name.npos) return std::nullopt;
  const std::string_view stem = name.substr(0, dot);
  if (!stem.ends_with("ffn_gate") && !stem.ends_with("ffn_up") && !stem.ends_with("ffn_down"))
    return std::nullopt;
  ExpertName out{.stack = {}, .number = -1};
  const std::string_view digits = name.substr(dot + 1, end - dot - 1);
  const auto [last, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), out.number);
  if (error != std::errc() || last != digits.data() + digits.size() || out.number < 0)
    return std::nullopt;
  out.stack = std::string(name.substr(0, dot)) + "_exps" + std::string(name.substr(end));
  return out;
}

std::string name_of_expert(std::string_view stack, int64_t number) {
  constexpr std::string_view kTail = "_exps.weight";
  return std::string(stack.substr(0, stack.size() - kTail.size())) + "." + std::to_string(number) +
         ".weight";
}

bool is_gain(const StoredTensor& t) {
  return t.name.ends_with("norm.weight") && t.shape.size() == 1;
}

bool is_layer_matrix(const StoredTensor& t) {
  return t.name.starts_with("blk.") && t.shape.size() == 2;
}

}  // namespace strata::model
