#include "model/format/safetensors.h"

#include <simdjson.h>

#include "model/format/byte_reader.h"
#include "model/format/weight_file.h"

namespace strata::model {
namespace {

namespace ondemand = simdjson::ondemand;
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
    check_unique_names(tensors_, in_.path());
    check_overlap(tensors_, in_.path());
    return std::move(tensors_);
  }

 private:
  void tensor(const std::string& name, ondemand::object object) {
    const std::string field = fmt::format("tensor '{}'", printable(name));
    if (name.empty() || name.size() > safetensors::kNameMax)
      in_.corrupt(field, "its name has {} bytes; the limit is {}", name.size(),
                  safetensors::kNameMax);
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
    tensors_.push_back(place(name, dtype, shape, offsets[0], offsets[1], field));
  }

  std::vector<uint64_t> integers(ondemand::array array, size_t max, const std::string& field) {
    std::vector<uint64_t> out;
    for (ondemand::value element : array) {
      if (out.size() == max) in_.corrupt(field, "an array has more than {} elements", max);
      out.push_back(element.get_uint64());
    }
    return out;
  }

  FoundTensor place(const std::string& name, const std::string& dtype,
                    const std::vector<uint64_t>& sizes, uint64_t begin, uint64_t end,
                    const std::string& field) {
    if (begin > end || end > data_.size())
      in_.corrupt(field,
                  "data_offsets [{}, {}] are outside the {} bytes of data; the file is probably "
                  "truncated: fetch it again",
                  begin, end, data_.size());
    std::vector<int64_t> shape;
    for (uint64_t d : sizes) {
      if (d > INT64_MAX) in_.corrupt(field, "its number of elements does not fit 63 bits");
      shape.push_back(static_cast<int64_t>(d));
    }
    const std::span<const uint8_t> bytes = data_.subspan(begin, end - begin);
    if (const ElementType* element = find_element(dtype))
      return found_tensor(name, *element, std::move(shape), bytes, in_.path());
    if (!count_elements(shape)) in_.corrupt(field, "its number of elements does not fit 63 bits");
    FoundTensor found;
    found.unsupported_type = printable(dtype);
    found.tensor.name = name;
    found.tensor.shape = std::move(shape);
    found.tensor.data = bytes.data();
    found.tensor.bytes = bytes.size();
    return found;
  }

  ByteReader in_;
  std::span<const uint8_t> bytes_, data_;
  std::vector<FoundTensor> tensors_;
};

std::vector<FoundTensor> read(const std::string& path, const MapFile& map) {
  return parse_safetensors(map(path), path);
}

const WeightFormats entry({
    .name = "safetensors",
    .order = 1,
    .indices = {"model.safetensors.index.json"},
    .files = {"model.safetensors"},
    .extensions = {".safetensors"},
    .read = read,
});

bool plain_file_name(std::string_view name) {
  return !name.empty() && name.size() <= 255 && name != "." && name != ".." &&
         name.find_first_of(std::string_view("/\\\0", 3)) == name.npos;
}

}  // namespace

std::vector<FoundTensor> parse_safetensors(std::span<const uint8_t> bytes, std::string_view path) {
  return Parser(bytes, path).parse();
}

std::vector<std::pair<std::string, std::string>> parse_weight_index(std::string_view text,
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
