#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "model/tokenizer/normalizer.h"
#include "model/tokenizer/utf8.h"

namespace strata::model::tokenizer {
namespace {

// A unit of the double array. Source: Yata, Darts-clone, "Double-array unit".
struct Unit {
  uint32_t bits;
  bool has_leaf() const { return bits >> 8 & 1; }
  uint32_t value() const { return bits & 0x7FFFFFFF; }
  uint32_t label() const { return bits & 0x800000FF; }   // the high bit marks a leaf
  uint32_t offset() const { return bits >> 10 << ((bits & 0x200) >> 6); }
};

class Charsmap : public Normalizer {
 public:
  Charsmap(std::string data, Trie kept) : data_(std::move(data)), kept_(std::move(kept)) {
    uint32_t bytes = 0;
    if (data_.size() >= 4) std::memcpy(&bytes, data_.data(), 4);
    if (data_.size() < 4 || bytes % 4 != 0 || bytes > data_.size() - 4)
      fail(Code::data_loss, "tokenizer: precompiled charsmap of {} bytes with a trie of {}",
           data_.size(), bytes);
    units_.resize(bytes / 4);
    if (bytes > 0) std::memcpy(units_.data(), data_.data() + 4, bytes);
    texts_ = std::string_view(data_).substr(4 + bytes);
  }
  Charsmap(const Charsmap&) = delete;

  std::string apply(std::string_view text) const override {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
      uint32_t at = 0;
      size_t n = 0;
      kept_.each_prefix(text, [&](size_t size, int32_t) { n = size; });
      if (n > 0) {
        out += text.substr(0, n);
      } else if ((n = longest(text, at)) > 0) {
        const std::string_view rest = texts_.substr(at);
        out += rest.substr(0, std::min(rest.find('\0'), rest.size()));
      } else {
        n = std::max(sequence_length(text), 1);
        out += text.substr(0, n);
      }
      text.remove_prefix(n);
    }
    return out;
  }

 private:
  // Bytes of the longest key that `text` starts with, and where its replacement is.
  size_t longest(std::string_view text, uint32_t& at) const {
    size_t found = 0;
    if (units_.empty()) return 0;
    uint32_t node = units_[0].offset();
    for (size_t i = 0; i < text.size(); ++i) {
      const auto byte = static_cast<uint8_t>(text[i]);
      node ^= byte;
      if (byte == 0 || node >= units_.size() || units_[node].label() != byte) break;
      const Unit unit = units_[node];
      node ^= unit.offset();
      if (!unit.has_leaf()) continue;
      if (node >= units_.size()) break;
      const uint32_t value = units_[node].value();
      if (value > texts_.size()) break;
      found = i + 1;
      at = value;
    }
    return found;
  }

  std::string data_;
  Trie kept_;
  std::vector<Unit> units_;
  std::string_view texts_;
};

}  // namespace

NormalizerPtr charsmap_normalizer(std::string charsmap, Trie kept) {
  return std::make_unique<Charsmap>(std::move(charsmap), std::move(kept));
}

}  // namespace strata::model::tokenizer
