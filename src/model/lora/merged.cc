#include "model/lora/merged.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>

#include "base/error.h"
#include "model/carried.h"
#include "model/convert/conventions.h"
#include "model/convert/stream.h"
#include "model/family.h"
#include "model/format/byte_reader.h"
#include "model/format/hf_names.h"
#include "model/lora/adapter.h"

namespace strata::model {
namespace {

using graph::StoredTensor;

std::vector<float> floats(const StoredTensor& t) {
  std::vector<float> out(static_cast<size_t>(t.elements()));
  graph::to_f32(t, out.data());
  return out;
}

/// What is added to a stored matrix: row r gets sum over k of by_row[r, k] across[k, :].
struct Sum {
  std::vector<float> by_row, across;   // [rows, rank], [rank, cols]; scaled in one
  int64_t rank = 0;

  void add(int64_t r, float* row, int64_t cols) const {
    for (int64_t k = 0; k < rank; ++k) {
      const float factor = by_row[r * rank + k], *from = across.data() + k * cols;
      for (int64_t c = 0; c < cols; ++c) row[c] += factor * from[c];
    }
  }
};

std::vector<float> turned(const std::vector<float>& m, int64_t rows, int64_t cols) {
  std::vector<float> out(m.size());
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < cols; ++c) out[c * rows + r] = m[r * cols + c];
  return out;
}

StoredTensor with_sums(const StoredTensor& base, std::vector<Sum> sums) {
  StoredTensor out = base;
  if (!can_write(out.type)) out.type = kernel::Type::f32;
  out.bytes = kernel::row_bytes(out.type, out.cols()) * static_cast<size_t>(out.rows());
  out.data = nullptr;
  out.make = [base, type = out.type, sums = std::move(sums)](int64_t begin, int64_t end,
                                                             uint8_t* to) {
    const int64_t cols = base.cols();
    const size_t row_bytes = kernel::row_bytes(type, cols);
    std::vector<uint8_t> room;
    std::vector<float> row(cols);
    for (int64_t r = begin; r < end; ++r, to += row_bytes) {
      kernel::to_f32(base.type, graph::rows_of(base, r, r + 1, room), cols, row.data());
      for (const Sum& s : sums) s.add(r, row.data(), cols);
      kernel::from_f32(type, row.data(), cols, to);
    }
  };
  return out;
}

/// The settings of a model as the other format's files of it would say them: as far as rows go.
class Matcher {
 public:
  explicit Matcher(const Store& base) : base_(base), hyper_(read_hyper(base)), other_(hyper_) {
    gguf_ = base.format() == "gguf" && !is_carried(base.metadata());
    const Family* family = find_family(hyper_.arch);
    if (family) {
      other_.rope.interleaved = gguf_ ? family->interleaved_in_hf : family->interleaved_in_gguf;
      if (gguf_) other_.qkv_by_group = family->qkv_by_group_in_hf;
    }
  }

  /// Our name of a change's matrix.
  std::string name(const LowRank& change, bool in_gguf) const {
    return in_gguf ? change.name : hf_tensor_name(change.name, hyper_.arch);
  }

  Sum sum(const Adapter& adapter, const LowRank& change, const StoredTensor& matrix, float scale) {
    const bool stored_turned = hyper_.transposed && matrix.name.starts_with("blk.");
    const auto out = stored_turned ? matrix.cols() : matrix.rows();
    const auto in = stored_turned ? matrix.rows() : matrix.cols();
    if (matrix.shape.size() != 2 || change.a.cols() != in || change.b.shape[0] != out)
      fail(Code::data_loss,
           "{}: '{}' changes a matrix of {} outputs and {} inputs, but the model's has {} and {}",
           adapter.path(), printable(change.name), change.b.shape[0], change.a.cols(), out, in);
    const int64_t rank = change.a.shape[0];
    std::vector<float> a = floats(change.a), b = floats(in_order(adapter, change, matrix));
    for (float& v : a) v = static_cast<float>(v * (change.scale * scale));
    if (stored_turned) return {turned(a, rank, in), turned(b, out, rank), rank};
    return {std::move(b), std::move(a), rank};
  }

 private:
  /// The change's rows as the model's file has its own.
  StoredTensor in_order(const Adapter& adapter, const LowRank& change, const StoredTensor& matrix) {
    StoredTensor b = change.b;
    b.name = matrix.name;
    if (adapter.in_gguf() == gguf_) return b;
    Hyper hf = gguf_ ? other_ : hyper_;
    const Hyper& gguf = gguf_ ? hyper_ : other_;
    // A product is no gain, no table of positions and lies in its own order.
    hf.transposed = hf.normalised_head = false;
    hf.norm_offset = 0;
    hf.position_offset = 0;
    const Conventions conventions(hf, gguf, base_);
    if (conventions.habits.weights_scaled || gguf.ssm.kind == StateKind::delta)
      fail(Code::unimplemented,
           "{}: {} models keep their rows in another order or scale than this adapter; give one "
           "of the model's own format",
           adapter.path(), hyper_.arch);
    return gguf_ ? to_gguf(b, conventions) : to_hf(b, conventions);
  }

  const Store& base_;
  Hyper hyper_, other_;
  bool gguf_ = false;
};

class MergedStore final : public Store {
 public:
  MergedStore(std::unique_ptr<Store> base, std::span<const AdapterChoice> adapters)
      : base_(std::move(base)), tensors_(base_->tensors().begin(), base_->tensors().end()) {
    std::map<std::string, std::vector<Sum>> sums;
    Matcher matcher(*base_);
    for (const AdapterChoice& choice : adapters) {
      const auto adapter = open_adapter(choice.path);
      for (const LowRank& change : adapter->changes()) {
        const std::string name = matcher.name(change, adapter->in_gguf());
        const StoredTensor* matrix = base_->find(name);
        if (!matrix)
          fail(Code::data_loss, "{}: changes '{}', which {} does not have", adapter->path(),
               printable(change.name), base_->path());
        sums[name].push_back(matcher.sum(*adapter, change, *matrix, choice.scale));
      }
    }
    for (size_t i = 0; i < tensors_.size(); ++i) {
      StoredTensor& t = tensors_[i];
      if (auto sum = sums.find(t.name); sum != sums.end())
        t = with_sums(t, std::move(sum->second));
      by_name_.emplace(t.name, i);
    }
  }

  std::string_view format() const override { return base_->format(); }
  const std::string& path() const override { return base_->path(); }
  const Metadata& metadata() const override { return base_->metadata(); }
  std::span<const StoredTensor> tensors() const override { return tensors_; }
  std::string_view file_name(size_t i) const override { return base_->file_name(i); }
  std::span<const UnsupportedTensor> unsupported() const override { return base_->unsupported(); }
  std::string side_file(std::string_view name) const override { return base_->side_file(name); }

  const StoredTensor* find(std::string_view name) const override {
    const auto it = by_name_.find(name);
    return it == by_name_.end() ? base_->find(name) : &tensors_[it->second];
  }
  void release(const StoredTensor& tensor) const override {
    const StoredTensor* stored = tensor.data ? &tensor : base_->find(tensor.name);
    if (stored) base_->release(*stored);
  }

 private:
  std::unique_ptr<Store> base_;
  std::vector<StoredTensor> tensors_;
  std::map<std::string, size_t, std::less<>> by_name_;
};

}  // namespace

AdapterChoice parse_adapter(std::string_view text) {
  const size_t equals = text.rfind('=');
  if (equals == text.npos) return {.path = std::string(text)};
  const std::string_view number = text.substr(equals + 1);
  float scale = 0;
  const auto [last, error] = std::from_chars(number.data(), number.data() + number.size(), scale);
  if (error != std::errc() || last != number.data() + number.size())
    return {.path = std::string(text)};   // a path may have a = too
  if (!std::isfinite(scale))
    fail(Code::invalid_argument, "'{}': the scale of an adapter is a number", text);
  return {.path = std::string(text.substr(0, equals)), .scale = scale};
}

std::unique_ptr<Store> merged(std::unique_ptr<Store> base,
                              std::span<const AdapterChoice> adapters) {
  if (adapters.empty()) return base;
  return std::make_unique<MergedStore>(std::move(base), adapters);
}

}  // namespace strata::model
