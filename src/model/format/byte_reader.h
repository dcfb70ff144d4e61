// Reading little-endian fields out of untrusted bytes: every read is bounds-checked.
#pragma once
#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace strata::model {

static_assert(std::endian::native == std::endian::little, "the file formats are little-endian");

/// Text of a file made fit for a message: control and non-ASCII bytes as \xNN, cut at 80
/// characters.
std::string printable(std::string_view text);

/// Errors of all members: data_loss with file, byte offset and field.
class ByteReader {
 public:
  ByteReader(std::span<const uint8_t> bytes, std::string_view path) : bytes_(bytes), path_(path) {}

  std::string_view path() const { return path_; }
  size_t at() const { return at_; }
  size_t remaining() const { return bytes_.size() - at_; }

  template <class T>
  T number(std::string_view field) {
    need(sizeof(T), field);
    T value;
    std::memcpy(&value, bytes_.data() + at_, sizeof(T));
    at_ += sizeof(T);
    return value;
  }
  std::string_view chars(uint64_t length, std::string_view field) {
    need(length, field);
    std::string_view text(reinterpret_cast<const char*>(bytes_.data()) + at_, length);
    at_ += length;
    return text;
  }
  /// The next bytes, which stay unread. Requires length <= remaining().
  std::string_view peek(size_t length) const {
    return {reinterpret_cast<const char*>(bytes_.data()) + at_, length};
  }
  void need(uint64_t length, std::string_view field) const {
    if (length > remaining())
      corrupt(field, "needs {} bytes but the file ends after {}", length, remaining());
  }
  template <class... A>
  [[noreturn]] void corrupt(std::string_view field, fmt::format_string<A...> what,
                            A&&... args) const {
    fail(Code::data_loss, "{}: at byte {}: {}: {}", path_, at_, field,
         fmt::format(what, std::forward<A>(args)...));
  }

 private:
  std::span<const uint8_t> bytes_;
  std::string_view path_;
  size_t at_ = 0;
};

}  // namespace strata::model
