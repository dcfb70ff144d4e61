#include "model/format/quantised.h"

#include <nlohmann/json.hpp>

#include <cstring>
#include <map>
#include <memory>

#include "base/error.h"
#include "model/format/byte_reader.h"
#include "model/format/quantised_parts.h"

namespace strata::model {
namespace {

using graph::StoredTensor;
using kernel::Int4Order;
using nlohmann::json;

/// What quantization_config says.
struct Settings {
  std::string method;  // "gptq", "awq", "fp8", "compressed-tensors"
  int bits = 4;
  int zero_add = 1;     // GPTQ's first format stores zero points less one
  int64_t block = 128;  // of block-scaled FP8
};

Settings read_settings(std::string_view text) {
  Settings s;
  const json config = json::parse(text, nullptr, false);
  if (!config.is_object() || !config.contains("quantization_config")) return s;
  const json& q = config["quantization_config"];
  if (!q.is_object()) return s;
  const auto word = [&](const char* key) {
    return q.contains(key) && q[key].is_string() ? q[key].get<std::string>() : std::string();
  };
  s.method = word("quant_method");
  if (q.contains("bits") && q["bits"].is_number_integer()) s.bits = q["bits"].get<int>();
  if (word("checkpoint_format") == "gptq_v2") s.zero_add = 0;
  if (q.contains("weight_block_size") && q["weight_block_size"].is_array() &&
      !q["weight_block_size"].empty() && q["weight_block_size"][0].is_number_integer())
    s.block = q["weight_block_size"][0].get<int64_t>();
  return s;
}

class Resolver {
 public:
  Resolver(std::vector<FoundTensor>& tensors, const Settings& settings, std::string_view where)
      : tensors_(tensors), settings_(settings), where_(where) {
    for (FoundTensor& f : tensors_) by_name_[f.tensor.name] = &f;
  }

  void run() {
    std::vector<FoundTensor> made;
    for (FoundTensor& f : tensors_) {
      const std::string& name = f.tensor.name;
      if (name.ends_with(".qweight")) made.push_back(gptq_or_awq(stem(name, ".qweight")));
      if (name.ends_with(".weight_packed")) made.push_back(packed(stem(name, ".weight_packed")));
      if (name.ends_with(".weight") && scale_of(name)) made.push_back(scaled(f));
    }
    if (made.empty()) return;
    std::erase_if(tensors_, [&](const FoundTensor& f) { return used_.contains(f.tensor.name); });
    for (FoundTensor& f : made) tensors_.push_back(std::move(f));
  }

 private:
  static std::string stem(const std::string& name, std::string_view end) {
    return name.substr(0, name.size() - end.size());
  }
  template <class... A>
  [[noreturn]] void corrupt(const std::string& stem, fmt::format_string<A...> what,
                            A&&... args) const {
    fail(Code::data_loss, "{}: quantised matrix '{}': {}", where_, printable(stem),
         fmt::format(what, std::forward<A>(args)...));
  }

  const FoundTensor* find(const std::string& name) {
    const auto it = by_name_.find(name);
    if (it == by_name_.end()) return nullptr;
    used_.emplace(name, true);
    return it->second;
  }
  /// A matrix of a type, which the file maps.
  const StoredTensor& part(const std::string& stem, std::string_view end,
                           std::string_view element) {
    const FoundTensor* f = find(stem + std::string(end));
    if (!f) corrupt(stem, "{} is missing", end.substr(1));
    const bool floating = element == "float" && f->unsupported_type.empty();
    if (!floating && f->element() != element)
      corrupt(stem, "{} is of type {}", end.substr(1), f->element());
    if (!floating && (!f->tensor.data || f->tensor.shape.size() > 2))
      corrupt(stem, "{} cannot be read in place", end.substr(1));
    return f->tensor;
  }

  static FoundTensor result(const std::string& stem, int64_t rows, int64_t cols, RowsOf made) {
    FoundTensor out;
    out.tensor = {.name = stem + ".weight",
                  .type = made.type,
                  .shape = {rows, cols},
                  .bytes = kernel::row_bytes(made.type, cols) * static_cast<size_t>(rows),
                  .make = std::move(made.make)};
    return out;
  }

  FoundTensor gptq_or_awq(const std::string& stem) {
    const bool awq = settings_.method == "awq";
    const int bits = settings_.bits, per = bits > 0 ? 32 / bits : 0;
    if ((bits != 2 && bits != 4 && bits != 8) || (awq && bits != 4))
      fail(Code::unimplemented, "{}: {} bits; this build reads 2, 4 and 8 of GPTQ and 4 of AWQ",
           where_, bits);
    const StoredTensor codes = part(stem, ".qweight", "I32"), zeros = part(stem, ".qzeros", "I32"),
                       scales = part(stem, ".scales", "float");
    if (codes.shape.size() != 2 || zeros.shape.size() != 2 || scales.shape.size() != 2)
      corrupt(stem, "its parts are no matrices");
    const int64_t rows = scales.shape[1], groups = scales.shape[0];
    const int64_t cols = awq ? codes.shape[0] : codes.shape[0] * per;
    const int64_t width = awq ? codes.shape[1] * per : codes.shape[1];
    if (width != rows || zeros.shape[0] != groups || zeros.shape[1] * per != rows || groups == 0 ||
        cols % groups != 0)
      corrupt(stem, "qweight, qzeros and scales do not fit together");
    CodeMatrix m{.order = awq ? Int4Order::awq : Int4Order::gptq,
                 .bits = bits,
                 .rows = rows,
                 .cols = cols,
                 .groups = groups,
                 .codes = codes.data,
                 .zeros = zeros.data,
                 .zero_add = awq ? 0 : settings_.zero_add,
                 .scales = PartScales(scales)};
    if (!awq && find(stem + ".g_idx")) m.group_of = group_index(stem, cols, groups);
    return result(stem, rows, cols, rows_of_codes(std::move(m)));
  }

  /// Null where columns lie group by group.
  std::shared_ptr<const std::vector<int32_t>> group_index(const std::string& stem, int64_t cols,
                                                          int64_t groups) {
    const StoredTensor& index = part(stem, ".g_idx", "I32");
    if (index.elements() != cols)
      corrupt(stem, "g_idx has {} entries for {} columns", index.elements(), cols);
    auto out = std::make_shared<std::vector<int32_t>>(cols);
    std::memcpy(out->data(), index.data, out->size() * sizeof(int32_t));
    for (int32_t g : *out)
      if (g < 0 || g >= groups) corrupt(stem, "g_idx names group {} of {}", g, groups);
    return kernel::columns_in_order(*out, cols / groups) ? nullptr : out;
  }

  // Codes [rows, cols / 8] with an offset of half their range; zero points packed down the rows.
  FoundTensor packed(const std::string& stem) {
    const StoredTensor codes = part(stem, ".weight_packed", "I32");
    const StoredTensor scales = part(stem, ".weight_scale", "float");
    const StoredTensor shape = part(stem, ".weight_shape", "I64");
    if (shape.elements() != 2 || codes.shape.size() != 2 || scales.shape.size() != 2)
      corrupt(stem, "its parts are no matrices");
    int64_t size[2];
    std::memcpy(size, shape.data, sizeof size);
    const int64_t rows = size[0], cols = size[1], groups = scales.shape[1];
    int bits = 0;
    for (int b : {4, 8})
      if (cols > 0 && codes.shape[1] == (cols + 32 / b - 1) / (32 / b)) bits = b;
    if (bits == 0 || codes.shape[0] != rows || scales.shape[0] != rows || groups == 0 ||
        cols % groups != 0)
      corrupt(stem, "weight_packed, weight_scale and weight_shape do not fit together");
    CodeMatrix m{.order = Int4Order::compressed,
                 .bits = bits,
                 .rows = rows,
                 .cols = cols,
                 .groups = groups,
                 .codes = codes.data,
                 .scales = PartScales(scales)};
    if (by_name_.contains(stem + ".weight_zero_point")) {
      const StoredTensor& zeros = part(stem, ".weight_zero_point", "I32");
      const int per = 32 / bits;
      if (zeros.shape.size() != 2 || zeros.shape[1] != groups ||
          zeros.shape[0] != (rows + per - 1) / per)
        corrupt(stem, "weight_zero_point does not fit");
      m.zeros = zeros.data;
    }
    find(stem + ".weight_g_idx");
    return result(stem, rows, cols, rows_of_codes(std::move(m)));
  }

  /// The scales of a matrix of bytes.
  const FoundTensor* scale_of(const std::string& weight) {
    const auto f = by_name_.find(weight);
    const std::string_view e = f->second->element();
    if (e != "I8" && e != "F8_E4M3" && e != "F8_E5M2") return nullptr;
    for (const char* end : {"_scale", "_scale_inv"})
      if (const auto it = by_name_.find(weight + end); it != by_name_.end()) return it->second;
    return nullptr;
  }

  FoundTensor scaled(const FoundTensor& f) {
    const std::string name = stem(f.tensor.name, ".weight");
    const FoundTensor* scale_tensor = scale_of(f.tensor.name);
    const StoredTensor w = f.tensor, scales = scale_tensor->tensor;
    if (w.shape.size() != 2 || !w.data || !scale_tensor->unsupported_type.empty())
      corrupt(name, "its weight is no matrix in place, or its scales are no numbers");
    const int64_t rows = w.shape[0], cols = w.shape[1];
    const bool blocks = scale_tensor->tensor.name.ends_with("_scale_inv");
    // Scales down and across: one, one a row, one a group of columns, or one a block.
    const int64_t down = scales.shape.empty() ? 1 : scales.shape[0];
    const int64_t across = scales.shape.size() < 2 ? 1 : scales.shape[1];
    const int64_t each_row = blocks ? settings_.block : down == 1 ? rows : 1;
    const int64_t each_col = blocks ? settings_.block : cols / std::max<int64_t>(across, 1);
    const bool fits = each_row > 0 && each_col > 0 && scales.shape.size() <= 2 &&
                      (rows + each_row - 1) / each_row == down &&
                      (cols + each_col - 1) / each_col == across;
    if (!fits) corrupt(name, "{} x {} scales for {} x {} weights", down, across, rows, cols);
    used_.emplace(f.tensor.name, true);
    used_.emplace(scale_tensor->tensor.name, true);
    for (const char* end : {".weight_zero_point", ".input_scale", ".weight_shape"})
      find(name + end);
    const std::string_view element = f.element();
    return result(name, rows, cols,
                  rows_of_bytes({.type = element == "I8"        ? kernel::Type::i8
                                         : element == "F8_E4M3" ? kernel::Type::f8_e4m3
                                                                : kernel::Type::f8_e5m2,
                                 .cols = cols,
                                 .bytes = w.data,
                                 .scales = PartScales(scales),
                                 .rows_each = each_row,
                                 .cols_each = each_col,
                                 .across = across}));
  }

  std::vector<FoundTensor>& tensors_;
  const Settings& settings_;
  std::string_view where_;
  std::map<std::string, FoundTensor*> by_name_;
  std::map<std::string, bool, std::less<>> used_;
};

}  // namespace

void resolve_quantised(std::vector<FoundTensor>& tensors, std::string_view config,
                       std::string_view where) {
  const Settings settings = read_settings(config);
  Resolver(tensors, settings, where).run();
}

}  // namespace strata::model
