#include "model/format/mindspore.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "model/format/protobuf.h"
#include "model/format/weight_file.h"

namespace strata::model {
namespace {

constexpr std::pair<std::string_view, std::string_view> kTypes[] = {
    {"Float32", "F32"}, {"Float16", "F16"}, {"BFloat16", "BF16"}, {"Float64", "F64"},
    {"Int8", "I8"},     {"Int16", "I16"},   {"Int32", "I32"},     {"Int64", "I64"},
    {"UInt8", "U8"},    {"UInt16", "U16"},  {"UInt32", "U32"},    {"UInt64", "U64"},
    {"Bool", "BOOL"}};

// MindFormers' names and Hugging Face's, by the parts between dots. Longer rows first.
constexpr std::pair<std::string_view, std::string_view> kParts[] = {
    {"tok_embeddings.embedding_weight", "embed_tokens.weight"},
    {"embedding_table", "weight"},
    {"norm_out", "norm"},
    {"attention_norm", "input_layernorm"},
    {"ffn_norm", "post_attention_layernorm"},
    {"attention.wq", "self_attn.q_proj"},
    {"attention.wk", "self_attn.k_proj"},
    {"attention.wv", "self_attn.v_proj"},
    {"attention.wo", "self_attn.o_proj"},
    {"feed_forward.w1", "mlp.gate_proj"},
    {"feed_forward.w2", "mlp.down_proj"},
    {"feed_forward.w3", "mlp.up_proj"},
    {"gamma", "weight"},
    {"beta", "bias"},
};

/// Pieces of one tensor, in order.
struct Pieces {
  std::string name;
  std::vector<int64_t> dims;
  std::string_view type;
  std::vector<std::span<const uint8_t>> bytes;
};

class Parser {
 public:
  explicit Parser(std::string_view path) : path_(path) {}

  std::vector<FoundTensor> parse(std::span<const uint8_t> bytes) {
    ProtoReader checkpoint(bytes, path_);
    while (auto field = checkpoint.next()) {
      // A checksum may follow the message as plain text, whose first letter reads as this field.
      if (field->number != 1) break;
      if (field->type == WireType::bytes) take(read_value(field->bytes));
    }
    if (tensors_.empty()) fail(Code::data_loss, "{}: holds no tensor", path_);
    std::vector<FoundTensor> found;
    for (Pieces& t : tensors_) found.push_back(place(std::move(t)));
    check_unique_names(found, path_);
    return found;
  }

 private:
  Pieces read_value(std::span<const uint8_t> bytes) {
    Pieces value;
    ProtoReader in(bytes, path_);
    while (auto field = in.next()) {
      if (field->number == 1) value.name = name(*field);
      if (field->number == 2) read_tensor(field->bytes, value);
    }
    return value;
  }

  std::string name(const ProtoField& field) {
    if (field.bytes.empty() || field.bytes.size() > mindspore::kNameMax)
      fail(Code::data_loss, "{}: a name of {} bytes", path_, field.bytes.size());
    return std::string(field.text());
  }

  void read_tensor(std::span<const uint8_t> bytes, Pieces& value) {
    ProtoReader in(bytes, path_);
    while (auto field = in.next()) {
      if (field->number == 1) append_integers(*field, value.dims, mindspore::kDimsMax, path_);
      if (field->number == 2) value.type = field->text();
      if (field->number == 3) value.bytes.push_back(field->bytes);
    }
  }

  // Pieces after the first repeat the name.
  void take(Pieces value) {
    if (value.name.empty() || value.type.empty()) return;  // a map parameter, or a setting
    if (!tensors_.empty() && tensors_.back().name == value.name) {
      auto& bytes = tensors_.back().bytes;
      bytes.insert(bytes.end(), value.bytes.begin(), value.bytes.end());
      return;
    }
    if (tensors_.size() >= mindspore::kTensorsMax)
      fail(Code::data_loss, "{}: more than {} tensors", path_, mindspore::kTensorsMax);
    tensors_.push_back(std::move(value));
  }

  FoundTensor place(Pieces t) {
    const ElementType* element = nullptr;
    for (const auto& [theirs, ours] : kTypes)
      if (theirs == t.type) element = find_element(ours);
    if (!element)
      fail(Code::unimplemented, "{}: tensor '{}': element type '{}' is unknown", path_,
           printable(t.name), printable(t.type));
    if (t.dims.size() == 1 && t.dims[0] == 0) t.dims.clear();  // a scalar
    if (t.bytes.size() == 1)
      return found_tensor(std::move(t.name), *element, std::move(t.dims), t.bytes[0], path_);
    FoundTensor found = made_tensor(std::move(t.name), *element, std::move(t.dims), {}, path_);
    size_t total = 0;
    for (const auto& piece : t.bytes) total += piece.size();
    if (total != found.tensor.bytes)
      fail(Code::data_loss, "{}: tensor '{}': its pieces have {} bytes, its shape needs {}", path_,
           printable(found.tensor.name), total, found.tensor.bytes);
    if (total == 0) return found;
    const size_t row = found.tensor.bytes / found.tensor.rows();
    found.tensor.make = [pieces = std::move(t.bytes), row](int64_t begin, int64_t end,
                                                           uint8_t* out) {
      size_t skip = begin * row, left = (end - begin) * row;
      for (const auto& piece : pieces) {
        const size_t from = std::min(skip, piece.size());
        const size_t n = std::min(left, piece.size() - from);
        if (n > 0) std::memcpy(out, piece.data() + from, n);
        skip -= from, left -= n, out += n;
      }
    };
    return found;
  }

  std::string_view path_;
  std::vector<Pieces> tensors_;
};

std::vector<FoundTensor> read(const std::string& path, const MapFile& map) {
  return parse_mindspore(map(path), path);
}

void to_hf(std::vector<FoundTensor>& tensors) {
  for (FoundTensor& t : tensors) t.tensor.name = mindspore_to_hf(t.tensor.name);
}

const WeightFormats entry({
    .name = "mindspore",
    .order = 3,
    .files = {"mindspore_model.ckpt", "model.ckpt"},
    .extensions = {".ckpt"},
    .read = read,
    .to_hf = to_hf,
});

}  // namespace

std::string mindspore_to_hf(std::string_view name) {
  std::string dotted = "." + std::string(name) + ".";
  for (const auto& [theirs, ours] : kParts) {
    const std::string part = fmt::format(".{}.", theirs);
    if (const size_t at = dotted.find(part); at != dotted.npos)
      dotted.replace(at, part.size(), fmt::format(".{}.", ours));
  }
  return dotted.substr(1, dotted.size() - 2);
}

std::vector<FoundTensor> parse_mindspore(std::span<const uint8_t> bytes, std::string_view path) {
  return Parser(path).parse(bytes);
}

}  // namespace strata::model
