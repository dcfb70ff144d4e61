#include "model/format/protobuf.h"

namespace strata::model {

uint64_t ProtoReader::varint() {
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    const auto byte = in_.number<uint8_t>("varint");
    value |= uint64_t{byte & 0x7fu} << shift;
    if (!(byte & 0x80)) return value;
  }
  in_.corrupt("varint", "longer than ten bytes");
}

std::optional<ProtoField> ProtoReader::next() {
  if (in_.remaining() == 0) return std::nullopt;
  if (++fields_ > protobuf::kFieldsMax)
    in_.corrupt("message", "more than {} fields", protobuf::kFieldsMax);
  const uint64_t key = varint();
  if (key >> 3 == 0 || key >> 3 > 0x1fffffff) in_.corrupt("field", "number {}", key >> 3);
  ProtoField field{.number = static_cast<uint32_t>(key >> 3),
                   .type = static_cast<WireType>(key & 7)};
  switch (field.type) {
    case WireType::varint: field.value = varint(); return field;
    case WireType::fixed64: field.value = in_.number<uint64_t>("fixed64"); return field;
    case WireType::fixed32: field.value = in_.number<uint32_t>("fixed32"); return field;
    case WireType::bytes: {
      const uint64_t length = varint();
      const size_t at = in_.at();
      in_.chars(length, "field");
      field.bytes = message_.subspan(at, length);
      return field;
    }
  }
  in_.corrupt("field", "wire type {}", key & 7);
}

void append_integers(const ProtoField& field, std::vector<int64_t>& out, size_t max,
                     std::string_view where) {
  const auto add = [&](uint64_t value) {
    if (out.size() >= max) fail(Code::data_loss, "{}: a list of more than {} numbers", where, max);
    out.push_back(static_cast<int64_t>(value));
  };
  if (field.type != WireType::bytes) return add(field.value);
  ByteReader in(field.bytes, where);
  while (in.remaining() > 0) {
    uint64_t value = 0;
    int shift = 0;
    for (uint8_t byte = 0x80; byte & 0x80; shift += 7) {
      if (shift > 63) in.corrupt("varint", "longer than ten bytes");
      byte = in.number<uint8_t>("varint");
      value |= uint64_t{byte & 0x7fu} << shift;
    }
    add(value);
  }
}

}  // namespace strata::model
