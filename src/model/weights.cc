#include "model/weights.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"

namespace strata::model {
namespace {

using graph::StoredTensor;

size_t row_bytes(const StoredTensor& t) { return kernel::row_bytes(t.type, t.cols()); }

// A vector seen as a matrix of one column, so that its elements are rows like a matrix's.
StoredTensor as_rows(StoredTensor t) {
  if (t.shape.size() == 1) t.shape.push_back(1);
  return t;
}

// Rows [begin, end) of `t` that lie in runs of `run` rows, every `stride` rows, from `first` on.
void gather(const StoredTensor& t, int64_t first, int64_t run, int64_t stride, int64_t begin,
            int64_t end, uint8_t* out) {
  std::vector<uint8_t> room;
  for (int64_t r = begin; r < end;) {
    const int64_t from = first + r / run * stride + r % run;
    const int64_t n = std::min(run - r % run, end - r);
    std::memcpy(out, graph::rows_of(t, from, from + n, room), row_bytes(t) * n);
    out += row_bytes(t) * n;
    r += n;
  }
}

// The columns [begin, end) of `t` as rows.
void turn(const StoredTensor& t, int64_t begin, int64_t end, uint8_t* out) {
  const size_t element = kernel::info(t.type).bytes;
  const int64_t inputs = t.rows();
  std::vector<uint8_t> room;
  for (int64_t i = 0; i < inputs; ++i) {
    const uint8_t* row = graph::rows_of(t, i, i + 1, room);
    for (int64_t r = begin; r < end; ++r)
      std::memcpy(out + ((r - begin) * inputs + i) * element, row + r * element, element);
  }
}

}  // namespace

namespace {

// Experts stored as [inputs, columns]: every `step`-th column from `first` on as rows.
StoredTensor turned(const StoredTensor& t, std::string name, int64_t first, int64_t step) {
  const int64_t inputs = t.shape[1], outputs = t.shape[2] / step;
  StoredTensor made{.name = std::move(name),
                    .type = t.type,
                    .shape = {t.shape[0], outputs, inputs},
                    .bytes = t.bytes / step};
  made.make = [&t, first, step, inputs, outputs](int64_t begin, int64_t end, uint8_t* out) {
    const size_t element = kernel::info(t.type).bytes;
    std::vector<uint8_t> room;
    while (begin < end) {
      const int64_t expert = begin / outputs, from = begin % outputs;
      const int64_t n = std::min(end - begin, outputs - from);
      for (int64_t i = 0; i < inputs; ++i) {
        const uint8_t* row = graph::rows_of(t, expert * inputs + i, expert * inputs + i + 1, room);
        for (int64_t r = 0; r < n; ++r)
          std::memcpy(out + (r * inputs + i) * element, row + ((from + r) * step + first) * element,
                      element);
      }
      out += n * inputs * element;
      begin += n;
    }
  };
  return made;
}

// Every second column of each expert's row of biases.
StoredTensor every_second(const StoredTensor& t, std::string name, int64_t first) {
  const int64_t n = t.shape[1] / 2;
  StoredTensor made{
      .name = std::move(name), .type = t.type, .shape = {t.shape[0], n}, .bytes = t.bytes / 2};
  made.make = [&t, first, n](int64_t begin, int64_t end, uint8_t* out) {
    const size_t element = kernel::info(t.type).bytes;
    std::vector<uint8_t> room;
    for (int64_t e = begin; e < end; ++e) {
      const uint8_t* row = graph::rows_of(t, e, e + 1, room);
      for (int64_t i = 0; i < n; ++i, out += element)
        std::memcpy(out, row + (2 * i + first) * element, element);
    }
  };
  return made;
}

}  // namespace

void Weights::turn_experts(const std::string& layer) {
  const auto whole = [&](const char* name, size_t dims) {
    const Tensor* t = store_.find(layer + name);
    if (!t) return t;
    if (kernel::info(t->type).block != 1)
      fail(Code::unimplemented, "tensor '{}': {} blocks cannot be turned", t->name,
           kernel::info(t->type).name);
    if (t->shape.size() != dims || t->shape.back() % 2 != 0)
      fail(Code::data_loss, "tensor '{}' should have {} dimensions, the last of them even", t->name,
           dims);
    return t;
  };
  if (const Tensor* t = whole("ffn_gate_up_exps.weight", 3)) {
    add(turned(*t, layer + "ffn_gate_exps.weight", 0, 2));
    add(turned(*t, layer + "ffn_up_exps.weight", 1, 2));
    if (const Tensor* down = whole("ffn_down_exps.weight", 3))
      add(turned(*down, down->name, 0, 1));
  }
  if (const Tensor* t = whole("ffn_gate_up_exps.bias", 2)) {
    add(every_second(*t, layer + "ffn_gate_exps.bias", 0));
    add(every_second(*t, layer + "ffn_up_exps.bias", 1));
  }
}

Weights::Weights(const Store& store, const Hyper& hyper) : store_(store) {
  if (hyper.transposed) transpose();
  for (int i = 0; hyper.turned_experts && i < hyper.n_layer; ++i)
    turn_experts("blk." + std::to_string(i) + ".");
  for (int i = 0; i < hyper.n_layer; ++i)
    for (const char* suffix : {".weight", ".bias"}) {
      const std::string layer = "blk." + std::to_string(i) + ".";
      const int64_t q = int64_t{hyper.n_head} / hyper.n_head_kv * hyper.d_head;
      const int64_t k = hyper.d_head, v = hyper.d_head_v, groups = hyper.n_head_kv;
      stack(layer + "attn_q_norm", suffix, hyper.n_head);
      stack(layer + "attn_k_norm", suffix, hyper.n_head_kv);
      if (hyper.ssm.kind != StateKind::none) split_state(hyper, i, suffix);
      if (!hyper.is_recurrent(i) && find(layer + "attn_qkv" + suffix)) {
        if (hyper.qkv_by_group)
          split(layer + "attn_qkv", suffix, {{"attn_q", q}, {"attn_k", k}, {"attn_v", v}}, groups);
        else
          split(layer + "attn_qkv", suffix,
                {{"attn_q", q * groups}, {"attn_k", k * groups}, {"attn_v", v * groups}}, 1);
      }
      if (find(layer + "attn_kv" + suffix))
        split(layer + "attn_kv", suffix, {{"attn_k", k}, {"attn_v", v}}, groups);
      const Tensor* up = find(layer + "ffn_up" + suffix);
      if (up && up->shape[0] == 2 * hyper.d_ff && !find(layer + "ffn_gate" + suffix))
        split(layer + "ffn_up", suffix, {{"ffn_gate", hyper.d_ff}, {"ffn_up", hyper.d_ff}}, 1);
    }
  if (hyper.normalised_head) normalise_head();
}

const StoredTensor* Weights::find(std::string_view name) const {
  const auto it = made_.find(name);
  return it != made_.end() ? &it->second : store_.find(name);
}

void Weights::release(const StoredTensor& tensor) const {
  if (tensor.data) store_.release(tensor);
}

const StoredTensor& Weights::add(Tensor tensor) {
  return made_.insert_or_assign(tensor.name, std::move(tensor)).first->second;
}

void Weights::transpose() {
  for (const Tensor& t : store_.tensors()) {
    if (!t.name.starts_with("blk.") || t.shape.size() != 2) continue;
    if (kernel::info(t.type).quantised)
      fail(Code::unimplemented, "tensor '{}' is transposed and quantised", t.name);
    Tensor turned = t;
    std::swap(turned.shape[0], turned.shape[1]);
    turned.data = nullptr;
    turned.make = [from = &t](int64_t begin, int64_t end, uint8_t* out) {
      turn(*from, begin, end, out);
    };
    add(std::move(turned));
  }
}

void Weights::split(const std::string& fused, const std::string& suffix,
                    std::initializer_list<std::pair<std::string_view, int64_t>> parts,
                    int64_t groups) {
  // The whole stays reachable for its parts when one of them takes over its name.
  const std::string kept = fused + ".fused" + suffix;
  Tensor copy = *find(fused + suffix);
  copy.name = kept;
  const Tensor& whole = add(std::move(copy));
  int64_t stride = 0, first = 0;
  for (const auto& part : parts) stride += part.second;
  const bool vector = whole.shape.size() == 1;
  const StoredTensor rows = as_rows(whole);
  if (rows.rows() != stride * groups)
    fail(Code::data_loss, "tensor '{}' has {} rows, expected {}", fused + suffix, rows.rows(),
         stride * groups);
  const std::string prefix = fused.substr(0, fused.rfind('.') + 1);
  for (const auto& [name, run] : parts) {
    Tensor part = whole;
    part.name = prefix + std::string(name) + suffix;
    part.shape[0] = run * groups;
    part.bytes = row_bytes(rows) * run * groups;
    if (groups == 1 && whole.data) {
      part.data = whole.data + row_bytes(rows) * first;
    } else {
      part.data = nullptr;
      // A vector is one row, which is made whole.
      part.make = [rows, first, run = run, stride, vector, n = run * groups](
                      int64_t begin, int64_t end, uint8_t* out) {
        gather(rows, first, run, stride, vector ? 0 : begin, vector ? n : end, out);
      };
    }
    add(std::move(part));
    first += run;
  }
}

void Weights::stack(const std::string& name, const std::string& suffix, int n) {
  std::vector<const Tensor*> parts;
  for (int i = 0; i < n; ++i) {
    const Tensor* part = store_.find(name + "." + std::to_string(i) + suffix);
    if (!part) break;
    parts.push_back(part);
  }
  if (parts.empty()) return;
  const Tensor& first = *parts.front();
  for (const Tensor* part : parts)
    if (std::ssize(parts) != n || part->shape != first.shape || part->type != first.type)
      fail(Code::data_loss, "the {} norms of '{}' are not one for each of {} heads, all alike",
           parts.size(), name, n);
  Tensor whole = first;
  whole.name = name + suffix;
  whole.shape = {n, first.elements()};
  whole.bytes = first.bytes * static_cast<size_t>(n);
  whole.data = nullptr;
  whole.make = [parts](int64_t begin, int64_t end, uint8_t* out) {
    std::vector<uint8_t> room;
    for (int64_t r = begin; r < end; ++r) {
      std::memcpy(out, graph::rows_of(*parts[r], 0, 1, room), parts[r]->bytes);
      out += parts[r]->bytes;
    }
  };
  add(std::move(whole));
}

void Weights::split_state(const Hyper& hyper, int index, const std::string& suffix) {
  const StateSpace& s = hyper.ssm;
  const std::string layer = "blk." + std::to_string(index) + ".";
  const int64_t inner = s.d_inner, bc = int64_t{s.n_group} * s.d_state, d = hyper.d_model;
  const auto has = [&](std::string_view name) { return find(layer + std::string(name) + suffix); };
  if (s.kind == StateKind::selective) {
    if (has("ssm_in"))
      split(layer + "ssm_in", suffix, {{"ssm_in_x", inner}, {"ssm_in_z", inner}}, 1);
    if (has("ssm_x"))
      split(layer + "ssm_x", suffix,
            {{"ssm_x_dt", s.dt_rank}, {"ssm_x_b", s.d_state}, {"ssm_x_c", s.d_state}}, 1);
  } else if (s.kind == StateKind::dual && has("ssm_in")) {
    split(layer + "ssm_in", suffix,
          {{"ssm_in_z", inner}, {"ssm_in_xbc", inner + 2 * bc}, {"ssm_in_dt", s.n_head}}, 1);
  } else if (s.kind == StateKind::convolution && has("shortconv.in_proj")) {
    split(layer + "shortconv.in_proj", suffix,
          {{"b", d}, {"c", d}, {"x", d}}, 1);
  } else if (s.kind == StateKind::delta && hyper.is_recurrent(index)) {
    split_delta_net(hyper, layer, suffix);
  } else if (s.kind == StateKind::delta && has("attn_q")) {
    split(layer + "attn_q", suffix, {{"attn_q", hyper.d_head}, {"attn_gate", hyper.d_head}},
          hyper.n_head);
  }
}

void Weights::split_delta_net(const Hyper& hyper, const std::string& layer,
                              const std::string& suffix) {
  const StateSpace& s = hyper.ssm;
  const int64_t heads = s.n_head / s.n_group, d_k = s.d_state, v = heads * s.d_head();
  if (find(layer + "ssm_ba" + suffix))
    split(layer + "ssm_ba", suffix, {{"ssm_beta", heads}, {"ssm_alpha", heads}}, s.n_group);
  if (!find(layer + "ssm_in" + suffix)) return;
  split(layer + "ssm_in", suffix,
        {{"ssm_in_q", d_k}, {"ssm_in_k", d_k}, {"ssm_in_v", v}, {"attn_gate", v}}, s.n_group);
  // The convolution takes queries, keys and values as one.
  std::vector<const Tensor*> parts;
  Tensor all = *find(layer + "ssm_in_q" + suffix);
  all.name = layer + "attn_qkv" + suffix;
  all.data = nullptr;
  all.shape[0] = 0;
  all.bytes = 0;
  for (const char* name : {"ssm_in_q", "ssm_in_k", "ssm_in_v"}) {
    parts.push_back(find(layer + name + suffix));
    all.shape[0] += parts.back()->shape[0];
    all.bytes += parts.back()->bytes;
  }
  all.make = [parts](int64_t begin, int64_t end, uint8_t* out) {
    std::vector<uint8_t> room;
    for (const Tensor* part : parts) {
      const int64_t n = part->rows(), b = std::clamp<int64_t>(begin, 0, n);
      const int64_t e = std::clamp<int64_t>(end, 0, n);
      const size_t bytes = row_bytes(*part) * (e - b);
      if (e > b) std::memcpy(out, graph::rows_of(*part, b, e, room), bytes);
      out += bytes;
      begin -= n;
      end -= n;
    }
  };
  add(std::move(all));
}

// Source: the NormHead of the publisher's code: every row of the head has length 1.
void Weights::normalise_head() {
  const Tensor* head = store_.find("output.weight");
  if (!head) return;
  Tensor unit = *head;
  unit.type = kernel::Type::f32;
  unit.bytes = sizeof(float) * static_cast<size_t>(head->elements());
  unit.data = nullptr;
  unit.make = [head](int64_t begin, int64_t end, uint8_t* out) {
    std::vector<uint8_t> room;
    const int64_t n = head->cols();
    auto* row = reinterpret_cast<float*>(out);
    for (int64_t r = begin; r < end; ++r, row += n) {
      kernel::to_f32(head->type, graph::rows_of(*head, r, r + 1, room), n, row);
      double length = 0;
      for (int64_t i = 0; i < n; ++i) length += double{row[i]} * row[i];
      kernel::scale(row, static_cast<float>(1 / std::max(std::sqrt(length), 1e-12)), n, row);
    }
  };
  add(std::move(unit));
}

}  // namespace strata::model
