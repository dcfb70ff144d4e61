#include "model/format/onnx.h"

#include <charconv>
#include <filesystem>
#include <map>

#include "base/error.h"
#include "model/format/protobuf.h"
#include "model/format/strided.h"

namespace strata::model {
namespace {

/// TensorProto.DataType.
constexpr std::pair<uint64_t, std::string_view> kTypes[] = {
    {1, "F32"},  {2, "U8"},   {3, "I8"},    {4, "U16"},      {5, "I16"},
    {6, "I32"},  {7, "I64"},  {9, "BOOL"},  {10, "F16"},     {11, "F64"},
    {12, "U32"}, {13, "U64"}, {16, "BF16"}, {17, "F8_E4M3"}, {19, "F8_E5M2"}};

struct Initialiser {
  std::string name;
  std::vector<int64_t> dims;
  uint64_t type = 0;
  std::span<const uint8_t> raw = {};
  std::vector<std::pair<std::string, std::string>> external = {};  // location, offset, length
  bool listed = false;                                             // values in a repeated field
};

/// What an exporter's node says about the matrix that it multiplies with.
struct MatMul {
  std::string node, weight;
};

std::string text(const ProtoField& field, std::string_view where) {
  if (field.bytes.size() > onnx::kNameMax)
    fail(Code::data_loss, "{}: a name of {} bytes", where, field.bytes.size());
  return std::string(field.text());
}

class Parser {
 public:
  Parser(const std::string& path, const MapFile& map) : path_(path), map_(map) {}

  std::vector<FoundTensor> parse(std::span<const uint8_t> bytes) {
    ProtoReader model(bytes, path_);
    bool graph = false;
    while (auto field = model.next())
      if (field->number == 7 && field->type == WireType::bytes)
        read_graph(field->bytes), graph = true;
    if (!graph) fail(Code::data_loss, "{}: no graph; this is not an ONNX model", path_);
    turn_matrices();
    check_unique_names(found_, path_);
    return std::move(found_);
  }

 private:
  void read_graph(std::span<const uint8_t> bytes) {
    ProtoReader graph(bytes, path_);
    while (auto field = graph.next()) {
      if (field->type != WireType::bytes) continue;
      if (field->number == 1) read_node(field->bytes);
      if (field->number == 5) place(read_tensor(field->bytes));
    }
  }

  void read_node(std::span<const uint8_t> bytes) {
    ProtoReader node(bytes, path_);
    std::vector<std::string> inputs;
    std::string name, op;
    while (auto field = node.next()) {
      if (field->type != WireType::bytes) continue;
      if (field->number == 1 && inputs.size() < 3) inputs.push_back(text(*field, path_));
      if (field->number == 3) name = text(*field, path_);
      if (field->number == 4) op = text(*field, path_);
    }
    if (op != "MatMul" || inputs.size() != 2) return;
    if (matmuls_.size() >= onnx::kNodesMax)
      fail(Code::data_loss, "{}: more than {} nodes", path_, onnx::kNodesMax);
    matmuls_.push_back({std::move(name), std::move(inputs[1])});
  }

  Initialiser read_tensor(std::span<const uint8_t> bytes) {
    Initialiser t;
    ProtoReader in(bytes, path_);
    while (auto field = in.next()) {
      switch (field->number) {
        case 1: append_integers(*field, t.dims, onnx::kDimsMax, path_); break;
        case 2: t.type = field->value; break;
        case 4:
          if (field->type == WireType::bytes && t.raw.empty()) t.raw = field->bytes;
          else t.listed = true;
          break;
        case 5:
        case 7:
        case 10:
        case 11: t.listed = true; break;
        case 8: t.name = text(*field, path_); break;
        case 9: t.raw = field->bytes; break;
        case 13: t.external.push_back(read_pair(field->bytes)); break;
      }
    }
    return t;
  }

  std::pair<std::string, std::string> read_pair(std::span<const uint8_t> bytes) {
    std::pair<std::string, std::string> out;
    ProtoReader in(bytes, path_);
    while (auto field = in.next()) {
      if (field->number == 1) out.first = text(*field, path_);
      if (field->number == 2) out.second = text(*field, path_);
    }
    return out;
  }

  uint64_t number(const Initialiser& t, const std::string& digits) {
    uint64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size())
      fail(Code::data_loss, "{}: tensor '{}': '{}' is no offset", path_, printable(t.name),
           printable(digits));
    return value;
  }

  // A file in the model's own folder, never one above it.
  std::span<const uint8_t> external(const Initialiser& t) {
    std::string location;
    uint64_t offset = 0, length = UINT64_MAX;
    for (const auto& [key, value] : t.external) {
      if (key == "location") location = value;
      if (key == "offset") offset = number(t, value);
      if (key == "length") length = number(t, value);
    }
    const bool plain = !location.empty() && location != "." && location != ".." &&
                       location.find_first_of(std::string_view("/\\\0", 3)) == location.npos;
    if (!plain)
      fail(Code::data_loss, "{}: tensor '{}': '{}' is not the name of a file beside it", path_,
           printable(t.name), printable(location));
    auto [it, added] = files_.try_emplace(location);
    if (added) it->second = map_((std::filesystem::path(path_).parent_path() / location).string());
    if (offset > it->second.size())
      fail(Code::data_loss, "{}: tensor '{}': offset {} is past the end of {}", path_,
           printable(t.name), offset, location);
    const auto rest = it->second.subspan(offset);
    return length == UINT64_MAX ? rest : rest.subspan(0, std::min<uint64_t>(length, rest.size()));
  }

  void place(Initialiser t) {
    if (found_.size() >= onnx::kTensorsMax)
      fail(Code::data_loss, "{}: more than {} tensors", path_, onnx::kTensorsMax);
    const ElementType* element = nullptr;
    for (const auto& [number, name] : kTypes)
      if (number == t.type) element = find_element(name);
    // Strings, and constants of the graph that are spelt out: no weights.
    if (!element || t.name.empty() || (t.listed && t.external.empty() && t.raw.empty())) return;
    const auto bytes = t.external.empty() ? t.raw : external(t);
    found_.push_back(found_tensor(std::move(t.name), *element, std::move(t.dims), bytes, path_));
  }

  /// "/model/layers.0/self_attn/q_proj/MatMul" -> "model.layers.0.self_attn.q_proj.weight".
  static std::string name_of(std::string node) {
    if (node.starts_with('/')) node.erase(0, 1);
    const size_t last = node.rfind('/');
    if (last == node.npos) return {};
    node.resize(last);
    std::replace(node.begin(), node.end(), '/', '.');
    return node + ".weight";
  }

  void turn_matrices() {
    std::map<std::string_view, const MatMul*> users;
    for (const MatMul& m : matmuls_) users.emplace(m.weight, &m);
    for (FoundTensor& found : found_) {
      const auto user = users.find(found.tensor.name);
      if (user == users.end() || found.tensor.shape.size() != 2) continue;
      FoundTensor turned = transposed(found);
      // torch's exporter folds the transposition into a constant with a number for a name.
      const std::string name = name_of(user->second->node);
      if (found.tensor.name.find("MatMul") != std::string::npos && !name.empty())
        turned.tensor.name = name;
      found = std::move(turned);
    }
  }

  const std::string& path_;
  const MapFile& map_;
  std::vector<FoundTensor> found_;
  std::vector<MatMul> matmuls_;
  std::map<std::string, std::span<const uint8_t>> files_;
};

std::vector<FoundTensor> read(const std::string& path, const MapFile& map) {
  return parse_onnx(map(path), path, map);
}

const WeightFormats entry({
    .name = "onnx",
    .order = 6,
    .files = {"model.onnx"},
    .extensions = {".onnx"},
    .read = read,
});

}  // namespace

std::vector<FoundTensor> parse_onnx(std::span<const uint8_t> bytes, const std::string& path,
                                    const MapFile& map) {
  return Parser(path, map).parse(bytes);
}

}  // namespace strata::model
