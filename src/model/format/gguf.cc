#include "model/format/gguf.h"

#include <algorithm>

#include "model/format/byte_reader.h"

namespace strata::model {
namespace {

using graph::StoredTensor;

/// "name 'x'" of the thing a field belongs to, for messages.
std::string of(std::string_view what, std::string_view name) {
  return fmt::format("{} '{}'", what, printable(name));
}

class Parser {
 public:
  Parser(std::span<const uint8_t> bytes, std::string_view path) : in_(bytes, path), bytes_(bytes) {}

  GgufFile parse() {
    const auto [n_tensor, n_key] = header();
    for (uint64_t i = 0; i < n_key; ++i) key_value();
    read_alignment();
    file_.tensors.reserve(n_tensor);
    offsets_.reserve(n_tensor);
    for (uint64_t i = 0; i < n_tensor; ++i) tensor_info();
    locate_data();
    check_unique_names(file_.tensors, in_.path());
    return std::move(file_);
  }

 private:
  std::pair<uint64_t, uint64_t> header() {
    if (in_.number<uint32_t>("magic") != gguf::kMagic)
      in_.corrupt("magic", "not 'GGUF'; this is not a GGUF file");
    file_.version = in_.number<uint32_t>("version");
    if (file_.version != 0 && (file_.version & 0xffff) == 0)
      fail(Code::unimplemented, "{}: a big-endian GGUF file; convert it to little-endian",
           in_.path());
    if (file_.version < gguf::kVersionMin || file_.version > gguf::kVersionMax)
      fail(Code::unimplemented, "{}: GGUF version {}; this build reads versions {} to {}",
           in_.path(), file_.version, gguf::kVersionMin, gguf::kVersionMax);
    // The smallest entry bounds a count by the bytes that are left, before anything is reserved.
    const uint64_t n_tensor =
        count("tensor count", gguf::kTensorsMax, sizeof(uint64_t) * 2 + sizeof(uint32_t) * 2);
    const uint64_t n_key =
        count("metadata count", gguf::kKeysMax, sizeof(uint64_t) + sizeof(uint32_t) + 1);
    return {n_tensor, n_key};
  }

  uint64_t count(std::string_view field, uint64_t max, uint64_t bytes_each) {
    const uint64_t n = in_.number<uint64_t>(field);
    if (n > max) in_.corrupt(field, "{} is over the limit of {}", n, max);
    if (n > in_.remaining() / bytes_each)
      in_.corrupt(field, "{} entries do not fit the {} bytes that follow", n, in_.remaining());
    return n;
  }

  std::string_view string(std::string_view field, uint64_t max) {
    const uint64_t length = in_.number<uint64_t>(field);
    if (length > max) in_.corrupt(field, "length {} is over the limit of {}", length, max);
    return in_.chars(length, field);
  }

  void key_value() {
    const std::string_view key = string("metadata key", gguf::kKeyLengthMax);
    if (key.empty()) in_.corrupt("metadata key", "is empty");
    const std::string field = of("metadata key", key);
    const uint32_t type = in_.number<uint32_t>(field);
    auto [it, added] = file_.metadata.values.try_emplace(std::string(key));
    if (!added) in_.corrupt(field, "appears twice");
    it->second =
        type == static_cast<uint32_t>(GgufType::array) ? array(field) : scalar(type, field);
  }

  bool boolean(std::string_view field) {
    const uint8_t b = in_.number<uint8_t>(field);
    if (b > 1) in_.corrupt(field, "a boolean has the value {}", b);
    return b == 1;
  }

  Value scalar(uint32_t type, std::string_view field) {
    switch (static_cast<GgufType>(type)) {
      case GgufType::u8: return {uint64_t{in_.number<uint8_t>(field)}};
      case GgufType::i8: return {int64_t{in_.number<int8_t>(field)}};
      case GgufType::u16: return {uint64_t{in_.number<uint16_t>(field)}};
      case GgufType::i16: return {int64_t{in_.number<int16_t>(field)}};
      case GgufType::u32: return {uint64_t{in_.number<uint32_t>(field)}};
      case GgufType::i32: return {int64_t{in_.number<int32_t>(field)}};
      case GgufType::f32: return {double{in_.number<float>(field)}};
      case GgufType::boolean: return {boolean(field)};
      case GgufType::string: return {std::string(string(field, in_.remaining()))};
      case GgufType::u64: return {in_.number<uint64_t>(field)};
      case GgufType::i64: return {in_.number<int64_t>(field)};
      case GgufType::f64: return {in_.number<double>(field)};
      case GgufType::array: break;
    }
    in_.corrupt(field, "unknown value type {}", type);
  }

  template <class T, class Out>
  Value numbers(uint64_t n, std::string_view field) {
    if (n > in_.remaining() / sizeof(T))
      in_.corrupt(field, "an array of {} needs more than the {} bytes that follow", n,
                  in_.remaining());
    Out out(n);
    for (auto& x : out) {
      const T value = in_.number<T>(field);
      if constexpr (std::is_same_v<T, uint64_t>)
        if (value > INT64_MAX) in_.corrupt(field, "{} is over the limit of {}", value, INT64_MAX);
      x = static_cast<typename Out::value_type>(value);
    }
    return {std::move(out)};
  }

  Value array(std::string_view field) {
    const uint32_t type = in_.number<uint32_t>(field);
    const uint64_t n = in_.number<uint64_t>(field);
    elements_ += std::min(n, gguf::kArrayElementsMax + 1);
    if (elements_ > gguf::kArrayElementsMax)
      in_.corrupt(field, "{} elements bring the arrays over the limit of {} in a file", n,
                  gguf::kArrayElementsMax);
    switch (static_cast<GgufType>(type)) {
      case GgufType::u8: return numbers<uint8_t, Value::Ints>(n, field);
      case GgufType::i8: return numbers<int8_t, Value::Ints>(n, field);
      case GgufType::u16: return numbers<uint16_t, Value::Ints>(n, field);
      case GgufType::i16: return numbers<int16_t, Value::Ints>(n, field);
      case GgufType::u32: return numbers<uint32_t, Value::Ints>(n, field);
      case GgufType::i32: return numbers<int32_t, Value::Ints>(n, field);
      case GgufType::u64: return numbers<uint64_t, Value::Ints>(n, field);
      case GgufType::i64: return numbers<int64_t, Value::Ints>(n, field);
      case GgufType::f32: return numbers<float, Value::Floats>(n, field);
      case GgufType::f64: return numbers<double, Value::Floats>(n, field);
      case GgufType::boolean: {
        in_.need(n, field);
        Value::Ints out(n);
        for (int64_t& x : out) x = boolean(field);
        return {std::move(out)};
      }
      case GgufType::string: {
        if (n > in_.remaining() / sizeof(uint64_t))
          in_.corrupt(field, "an array of {} strings needs more than the {} bytes that follow", n,
                      in_.remaining());
        Value::Strings out(n);
        for (std::string_view& s : out) s = string(field, in_.remaining());
        return {std::move(out)};
      }
      case GgufType::array:
        fail(Code::unimplemented, "{}: at byte {}: {}: arrays inside arrays are not supported",
             in_.path(), in_.at(), field);
    }
    in_.corrupt(field, "unknown element type {}", type);
  }

  void read_alignment() {
    const int64_t alignment =
        file_.metadata.integer("general.alignment").value_or(gguf::kAlignmentDefault);
    if (alignment < int64_t{gguf::kAlignmentMin} || alignment > int64_t{gguf::kAlignmentMax} ||
        (alignment & (alignment - 1)) != 0)
      in_.corrupt("metadata key 'general.alignment'", "{} is not a power of two from {} to {}",
                  alignment, gguf::kAlignmentMin, gguf::kAlignmentMax);
    file_.alignment = static_cast<uint64_t>(alignment);
  }

  void tensor_info() {
    const std::string_view name = string("tensor name", gguf::kTensorNameMax);
    if (name.empty()) in_.corrupt("tensor name", "is empty");
    const std::string field = of("tensor", name);
    FoundTensor found;
    StoredTensor& t = found.tensor;
    t.name = name;
    const uint32_t n_dim = in_.number<uint32_t>(field);
    if (n_dim > gguf::kDimsMax)
      in_.corrupt(field, "{} dimensions are over the limit of {}", n_dim, gguf::kDimsMax);
    t.shape.resize(n_dim);
    // The file has the contiguous dimension first.
    for (uint32_t i = n_dim; i-- > 0;) t.shape[i] = dimension(field);
    const uint32_t type = in_.number<uint32_t>(field);
    set_size(found, type, field);
    const uint64_t offset = in_.number<uint64_t>(field);
    if (offset % file_.alignment != 0)
      in_.corrupt(field, "offset {} is not a multiple of the alignment {}", offset,
                  file_.alignment);
    file_.tensors.push_back(std::move(found));
    offsets_.push_back(offset);
  }

  int64_t dimension(std::string_view field) {
    const uint64_t d = in_.number<uint64_t>(field);
    if (d == 0 || d > INT64_MAX) in_.corrupt(field, "a dimension is {}", d);
    return static_cast<int64_t>(d);
  }

  void set_size(FoundTensor& found, uint32_t type, std::string_view field) {
    StoredTensor& t = found.tensor;
    int64_t elements = 1;
    for (int64_t d : t.shape)
      if (__builtin_mul_overflow(elements, d, &elements))
        in_.corrupt(field, "its number of elements does not fit 63 bits");
    const auto known = type <= INT32_MAX ? kernel::type_from_ggml(static_cast<int>(type))
                                         : std::optional<kernel::Type>();
    if (!known) {
      found.unsupported_type = ggml_type_name(type);
      return;
    }
    const kernel::TypeInfo& info = kernel::info(*known);
    const int64_t cols = t.shape.empty() ? 1 : t.shape.back();
    if (cols % info.block != 0)
      in_.corrupt(field, "rows of {} elements are not whole {} blocks of {}", cols, info.name,
                  info.block);
    int64_t bytes;
    if (__builtin_mul_overflow(elements / info.block, info.bytes, &bytes))
      in_.corrupt(field, "its size in bytes does not fit 63 bits");
    t.type = *known;
    t.bytes = static_cast<size_t>(bytes);
  }

  void locate_data() {
    if (file_.tensors.empty()) return;
    const uint64_t padding = (file_.alignment - in_.at() % file_.alignment) % file_.alignment;
    in_.chars(padding, "padding before the tensor data");
    const uint64_t size = in_.remaining();
    std::vector<uint32_t> order;
    for (uint32_t i = 0; i < offsets_.size(); ++i) {
      StoredTensor& t = file_.tensors[i].tensor;
      if (offsets_[i] > size || t.bytes > size - offsets_[i])
        in_.corrupt(of("tensor", t.name),
                    "its {} bytes at offset {} end after the file, whose tensor data has {} bytes; "
                    "the file is probably truncated: fetch it again",
                    t.bytes, offsets_[i], size);
      t.data = bytes_.data() + in_.at() + offsets_[i];
      if (t.bytes > 0) order.push_back(i);
    }
    std::sort(order.begin(), order.end(),
              [&](uint32_t a, uint32_t b) { return offsets_[a] < offsets_[b]; });
    for (size_t i = 1; i < order.size(); ++i) {
      const StoredTensor& before = file_.tensors[order[i - 1]].tensor;
      if (offsets_[order[i - 1]] + before.bytes > offsets_[order[i]])
        in_.corrupt(of("tensor", file_.tensors[order[i]].tensor.name), "overlaps {}",
                    of("tensor", before.name));
    }
  }

  ByteReader in_;
  std::span<const uint8_t> bytes_;
  GgufFile file_;
  std::vector<uint64_t> offsets_;  // of tensors, from the start of the tensor data
  uint64_t elements_ = 0;          // of all arrays so far
};

}  // namespace

std::string ggml_type_name(uint32_t id) {
  if (id <= INT32_MAX)
    if (auto type = kernel::type_from_ggml(static_cast<int>(id)))
      return std::string(kernel::info(*type).name);
  static constexpr std::pair<uint32_t, std::string_view> kOthers[] = {
      {9, "Q8_1"},   {15, "Q8_K"},  {16, "IQ2_XXS"}, {17, "IQ2_XS"}, {18, "IQ3_XXS"},
      {19, "IQ1_S"}, {21, "IQ3_S"}, {22, "IQ2_S"},   {24, "I8"},     {25, "I16"},
      {26, "I32"},   {27, "I64"},   {28, "F64"},     {29, "IQ1_M"},  {34, "TQ1_0"},
      {35, "TQ2_0"}, {39, "MXFP4"}, {40, "NVFP4"},   {41, "Q1_0"},   {42, "Q2_0"},
  };
  for (const auto& [number, name] : kOthers)
    if (number == id) return std::string(name);
  return fmt::format("number {}", id);
}

GgufFile parse_gguf(std::span<const uint8_t> bytes, std::string_view path) {
  return Parser(bytes, path).parse();
}

}  // namespace strata::model
