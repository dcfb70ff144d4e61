#include "model/format/safetensors.h"

#include <simdjson.h>

#include <algorithm>
#include <optional>

#include "model/format/byte_reader.h"

namespace strata::model {
namespace {

namespace ondemand = simdjson::ondemand;
using graph::StoredTensor;
using kernel::Type;

struct Dtype {
  std::string_view name;
  Type type;
};
constexpr Dtype kDtypes[] = {{"F32", Type::f32}, {"F16", Type::f16}, {"BF16", Type::bf16}};

/// simdjson wants readable bytes after the text.
simdjson::padded_string padded(std::string_view text) { return simdjson::padded_string(text); }

class Parser {
 public:
  Parser(std::span<const uint8_t> bytes, std::string_view path) : in_(bytes, path), bytes_(bytes) {}

  std::vector<FoundTensor> parse() {
    const uint64_t length = in_.number<uint64_t>("header length");
    if (length > safetensors::kHeaderMax)
      in_.corrupt("header length", "{} is over the limit of {}; is this a safetensors file?",
                  length, safetensors::kHeaderMax);
    const simdjson::padded_string json = padded(in_.chars(length, "header"));
    data_ = bytes_.subspan(in_.at());
    try {
      ondemand::parser parser;
      ondemand::document document = parser.iterate(json);
      for (ondemand::field field : ondemand::object(document.get_object())) {
        const std::string name = std::string(std::string_view(field.unescaped_key()));
        if (name == "__metadata__") continue;
        tensor(name, field.value().get_object());
      }
      if (document.current_location().error() != simdjson::OUT_OF_BOUNDS)
        in_.corrupt("header", "text follows the JSON object");
    } catch (const simdjson::simdjson_error& e) {
      in_.corrupt("header", "not the JSON that the format prescribes: {}", e.what());
    }
    check_unique_names();
    check_overlap();
    return std::move(tensors_);
  }

 private:
  void tensor(const std::string& name, ondemand::object object) {
    const std::string field = fmt::format("tensor '{}'", printable(name));
    if (name.empty() || name.size() > safetensors::kNameMax)
      in_.corrupt(field, "its name has {} bytes; the limit is {}", name.size(),
                  safetensors::kNameMax);
    FoundTensor found;
    found.tensor.name = name;
    std::string dtype;
    std::vector<uint64_t> shape, offsets;
    bool has_shape = false;
    for (ondemand::field entry : object) {
      const std::string_view key = entry.unescaped_key();
      if (key == "dtype") {
        dtype = std::string_view(entry.value().get_string());
      } else if (key == "shape") {
        shape = integers(entry.value().get_array(), safetensors::kDimsMax, field);
        has_shape = true;
      } else if (key == "data_offsets") {
        offsets = integers(entry.value().get_array(), 2, field);
      }
    }
    if (dtype.empty() || !has_shape || offsets.size() != 2)
      in_.corrupt(field, "lacks dtype, shape or the two data_offsets");
    place(found, dtype, shape, offsets[0], offsets[1], field);
    tensors_.push_back(std::move(found));
  }

  std::vector<uint64_t> integers(ondemand::array array, size_t max, const std::string& field) {
    std::vector<uint64_t> out;
    for (ondemand::value element : array) {
      if (out.size() == max) in_.corrupt(field, "an array has more than {} elements", max);
      out.push_back(element.get_uint64());
    }
    return out;
  }

  void place(FoundTensor& found, const std::string& dtype, const std::vector<uint64_t>& shape,
             uint64_t begin, uint64_t end, const std::string& field) {
    StoredTensor& t = found.tensor;
    if (begin > end || end > data_.size())
      in_.corrupt(field,
                  "data_offsets [{}, {}] are outside the {} bytes of data; the file is probably "
                  "truncated: fetch it again",
                  begin, end, data_.size());
    int64_t elements = 1;
    for (uint64_t d : shape) {
      if (d > INT64_MAX || __builtin_mul_overflow(elements, static_cast<int64_t>(d), &elements))
        in_.corrupt(field, "its number of elements does not fit 63 bits");
      t.shape.push_back(static_cast<int64_t>(d));
    }
    t.data = data_.data() + begin;
    t.bytes = end - begin;
    auto known = std::find_if(std::begin(kDtypes), std::end(kDtypes),
                              [&](const Dtype& d) { return d.name == dtype; });
    if (known == std::end(kDtypes) || elements == 0) {
      found.unsupported_type = elements == 0 ? printable(dtype) + " (empty)" : printable(dtype);
      return;
    }
    t.type = known->type;
    const uint64_t size = kernel::info(t.type).bytes;
    if (t.bytes % size != 0 || t.bytes / size != static_cast<uint64_t>(elements))
      in_.corrupt(field, "{} elements of {} do not fill data_offsets [{}, {}]", elements, dtype,
                  begin, end);
  }

  void check_unique_names() {
    std::vector<std::string_view> names;
    names.reserve(tensors_.size());
    for (const FoundTensor& f : tensors_) names.push_back(f.tensor.name);
    std::sort(names.begin(), names.end());
    auto twice = std::adjacent_find(names.begin(), names.end());
    if (twice != names.end())
      in_.corrupt(fmt::format("tensor '{}'", printable(*twice)), "appears twice");
  }

  void check_overlap() {
    std::vector<const StoredTensor*> order;
    for (const FoundTensor& f : tensors_)
      if (f.tensor.bytes > 0) order.push_back(&f.tensor);
    std::sort(order.begin(), order.end(),
              [](const StoredTensor* a, const StoredTensor* b) { return a->data < b->data; });
    for (size_t i = 1; i < order.size(); ++i)
      if (order[i - 1]->data + order[i - 1]->bytes > order[i]->data)
        in_.corrupt(fmt::format("tensor '{}'", printable(order[i]->name)), "overlaps tensor '{}'",
                    printable(order[i - 1]->name));
  }

  ByteReader in_;
  std::span<const uint8_t> bytes_, data_;
  std::vector<FoundTensor> tensors_;
};

bool plain_file_name(std::string_view name) {
  return !name.empty() && name.size() <= 255 && name != "." && name != ".." &&
         name.find_first_of(std::string_view("/\\\0", 3)) == name.npos;
}

}  // namespace

std::vector<FoundTensor> parse_safetensors(std::span<const uint8_t> bytes, std::string_view path) {
  return Parser(bytes, path).parse();
}

std::vector<std::pair<std::string, std::string>> parse_safetensors_index(std::string_view text,
                                                                         std::string_view path) {
  std::vector<std::pair<std::string, std::string>> map;
  const simdjson::padded_string json = padded(text);
  try {
    ondemand::parser parser;
    ondemand::document document = parser.iterate(json);
    for (ondemand::field field : ondemand::object(document["weight_map"].get_object())) {
      std::string name(std::string_view(field.unescaped_key()));
      std::string file(std::string_view(field.value().get_string()));
      if (!plain_file_name(file))
        fail(Code::data_loss, "{}: weight_map: '{}' is not a plain file name", path,
             printable(file));
      map.emplace_back(std::move(name), std::move(file));
    }
  } catch (const simdjson::simdjson_error& e) {
    fail(Code::data_loss, "{}: weight_map: not the JSON that the format prescribes: {}", path,
         e.what());
  }
  if (map.empty()) fail(Code::data_loss, "{}: weight_map: is empty", path);
  return map;
}

}  // namespace strata::model
