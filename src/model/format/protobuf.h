// Reading protocol buffers without their schema: fields one after the other.
// Source: "Encoding", the protocol buffers documentation.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "model/format/byte_reader.h"

namespace strata::model {

namespace protobuf {
inline constexpr uint64_t kFieldsMax = 1 << 24;  // of one message
}

enum class WireType : uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

/// One field: a number, or bytes that lie in the message.
struct ProtoField {
  uint32_t number = 0;
  WireType type = WireType::varint;
  uint64_t value = 0;  // varint, fixed64, fixed32
  std::span<const uint8_t> bytes = {};
  std::string_view text() const {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
};

/// Fields of a message in order; nested messages are the caller's to open, so that depth is bounded
/// by its own code. Errors: data_loss with `where` and the byte.
class ProtoReader {
 public:
  ProtoReader(std::span<const uint8_t> message, std::string_view where)
      : message_(message), in_(message, where) {}
  /// Nothing at the end.
  std::optional<ProtoField> next();
  std::string_view where() const { return in_.path(); }

 private:
  uint64_t varint();
  std::span<const uint8_t> message_;
  ByteReader in_;
  uint64_t fields_ = 0;
};

/// Appends a repeated integer, packed or one a field. Errors: data_loss beyond `max` elements.
void append_integers(const ProtoField& field, std::vector<int64_t>& out, size_t max,
                     std::string_view where);

}  // namespace strata::model
