#include "model/format/quantised.h"

#include <nlohmann/json.hpp>

#include <array>
#include <cmath>
#include <cstring>
#include <map>
#include <memory>

#include "base/error.h"
#include "model/format/byte_reader.h"

namespace strata::model {
namespace {

using graph::StoredTensor;
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

// 1 sign, 4 or 5 bits of exponent. Source: arXiv:2209.05433.
float from_f8(uint8_t byte, bool e5m2) {
  const int mantissa_bits = e5m2 ? 2 : 3, bias = e5m2 ? 15 : 7;
  const int exponent = (byte & 0x7f) >> mantissa_bits;
  const int mantissa = byte & ((1 << mantissa_bits) - 1);
  const float sign = byte & 0x80 ? -1.0f : 1.0f;
  if (e5m2 ? exponent == 31 : (byte & 0x7f) == 0x7f)
    return e5m2 && mantissa == 0 ? sign * HUGE_VALF : NAN;
  if (exponent == 0)
    return sign * std::ldexp(static_cast<float>(mantissa), 1 - bias - mantissa_bits);
  return sign * std::ldexp(1.0f + std::ldexp(static_cast<float>(mantissa), -mantissa_bits),
                           exponent - bias);
}

/// Codes of a few bits in 32-bit words.
struct Packed {
  const uint8_t* words = nullptr;
  int bits = 4;
  int per_word() const { return 32 / bits; }
  uint32_t at(int64_t word, int position) const {
    uint32_t w;
    std::memcpy(&w, words + word * 4, 4);
    return w >> (position * bits) & ((1u << bits) - 1);
  }
};

// AWQ's nibbles lie in the order 0 2 4 6 1 3 5 7.
constexpr int kAwqPlace[] = {0, 4, 1, 5, 2, 6, 3, 7};

std::vector<float> floats(const StoredTensor& t) {
  std::vector<float> out(t.elements());
  graph::to_f32(t, out.data());
  return out;
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

  FoundTensor result(const std::string& stem, int64_t rows, int64_t cols, MakeRows make) {
    return made_tensor(stem + ".weight", *find_element("F32"), {rows, cols}, std::move(make),
                       where_);
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
    auto group_of = std::make_shared<std::vector<int32_t>>(cols);
    for (int64_t c = 0; c < cols; ++c) (*group_of)[c] = static_cast<int32_t>(c / (cols / groups));
    if (!awq && find(stem + ".g_idx")) read_group_index(stem, groups, *group_of);
    const Packed q{codes.data, bits}, z{zeros.data, bits};
    const int add = awq ? 0 : settings_.zero_add;
    return result(stem, rows, cols, [=](int64_t begin, int64_t end, uint8_t* out) {
      const std::vector<float> scale = floats(scales);
      auto* to = reinterpret_cast<float*>(out);
      for (int64_t r = begin; r < end; ++r) {
        const int place = static_cast<int>(r % per);
        for (int64_t c = 0; c < cols; ++c, ++to) {
          const int64_t g = (*group_of)[c];
          const uint32_t zero = z.at(g * (rows / per) + r / per, awq ? kAwqPlace[place] : place);
          const uint32_t code = awq ? q.at(c * (rows / per) + r / per, kAwqPlace[place])
                                    : q.at(c / per * rows + r, static_cast<int>(c % per));
          *to = scale[g * rows + r] *
                static_cast<float>(static_cast<int>(code) - static_cast<int>(zero) - add);
        }
      }
    });
  }

  void read_group_index(const std::string& stem, int64_t groups, std::vector<int32_t>& out) {
    const StoredTensor& index = part(stem, ".g_idx", "I32");
    if (index.elements() != static_cast<int64_t>(out.size()))
      corrupt(stem, "g_idx has {} entries for {} columns", index.elements(), out.size());
    std::memcpy(out.data(), index.data, out.size() * sizeof(int32_t));
    for (int32_t g : out)
      if (g < 0 || g >= groups) corrupt(stem, "g_idx names group {} of {}", g, groups);
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
    const Packed q{codes.data, bits};
    Packed z{nullptr, bits};
    if (by_name_.contains(stem + ".weight_zero_point")) {
      const StoredTensor& zeros = part(stem, ".weight_zero_point", "I32");
      if (zeros.shape.size() != 2 || zeros.shape[1] != groups ||
          zeros.shape[0] != (rows + z.per_word() - 1) / z.per_word())
        corrupt(stem, "weight_zero_point does not fit");
      z.words = zeros.data;
    }
    find(stem + ".weight_g_idx");
    const int half = 1 << (bits - 1), per = q.per_word();
    const int64_t words = codes.shape[1];
    return result(stem, rows, cols, [=](int64_t begin, int64_t end, uint8_t* out) {
      const std::vector<float> scale = floats(scales);
      auto* to = reinterpret_cast<float*>(out);
      for (int64_t r = begin; r < end; ++r)
        for (int64_t c = 0; c < cols; ++c, ++to) {
          const int64_t g = c / (cols / groups);
          const int zero =
              z.words ? static_cast<int>(z.at(r / per * groups + g, static_cast<int>(r % per)))
                      : half;
          const int code = static_cast<int>(q.at(r * words + c / per, static_cast<int>(c % per)));
          *to = scale[r * groups + g] * static_cast<float>(code - zero);
        }
    });
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
    const bool integer = f.element() == "I8", e5m2 = f.element() == "F8_E5M2";
    std::array<float, 256> values;
    for (int b = 0; b < 256; ++b)
      values[b] = integer ? static_cast<float>(static_cast<int8_t>(b))
                          : from_f8(static_cast<uint8_t>(b), e5m2);
    return result(name, rows, cols, [=](int64_t begin, int64_t end, uint8_t* out) {
      const std::vector<float> scale = floats(scales);
      auto* to = reinterpret_cast<float*>(out);
      for (int64_t r = begin; r < end; ++r)
        for (int64_t c = 0; c < cols; ++c, ++to)
          *to = values[w.data[r * cols + c]] * scale[r / each_row * across + c / each_col];
    });
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
