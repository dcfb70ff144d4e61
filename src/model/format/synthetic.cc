#include "model/format/synthetic.h"

#include <cmath>
#include <memory>
#include <vector>

#include "base/error.h"
#include "model/format/gguf_writer.h"
#include "model/store.h"

namespace strata::model {
namespace {

using kernel::Type;

constexpr SyntheticShape kShapes[] = {
    {"llama3-8b", 32, 4096, 14336, 32, 8, 128256, 8192, 500000},
    {"llama3-1b", 16, 2048, 8192, 32, 8, 128256, 8192, 500000},
    {"tiny", 2, 256, 512, 4, 2, 512, 1024, 10000},
};

/// splitmix64: small, and the same everywhere, unlike the distributions of <random>.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  /// Mean 0, standard deviation 1: the sum of four uniform values.
  float normal() {
    const uint64_t bits = next();
    double sum = 0;
    for (int i = 0; i < 4; ++i) sum += static_cast<double>((bits >> (16 * i)) & 0xffff) / 65536;
    return static_cast<float>((sum - 2) * std::sqrt(3.0));
  }

 private:
  uint64_t state_;
};

/// A stock of quantised blocks to draw a tensor from: quantising every weight of a large model
/// would take minutes, and random bytes are not valid in every format.
class Blocks {
 public:
  Blocks(Type type, double deviation, Random& random) : info_(kernel::info(type)) {
    std::vector<float> values(static_cast<size_t>(kCount) * info_.block);
    for (float& v : values) v = static_cast<float>(deviation) * random.normal();
    bytes_.resize(static_cast<size_t>(kCount) * info_.bytes);
    if (!kernel::from_f32(type, values.data(), static_cast<int64_t>(values.size()), bytes_.data()))
      fail(Code::invalid_argument, "type {} cannot be written; choose one with a quantiser",
           info_.name);
  }

  void write(GgufWriter& out, int64_t elements, Random& random) const {
    std::vector<uint8_t> piece;
    piece.reserve(kPiece + info_.bytes);
    for (int64_t left = elements / info_.block; left > 0;) {
      piece.clear();
      for (; left > 0 && piece.size() < kPiece; --left) {
        const uint8_t* block = bytes_.data() + random.next() % kCount * info_.bytes;
        piece.insert(piece.end(), block, block + info_.bytes);
      }
      out.write(piece);
    }
  }

 private:
  static constexpr uint64_t kCount = 1024;
  static constexpr size_t kPiece = 1 << 20;
  const kernel::TypeInfo& info_;
  std::vector<uint8_t> bytes_;
};

/// One tensor to write; deviation 0: a gain of ones.
struct Plan {
  std::string name;
  Type type;
  std::vector<int64_t> shape;
  double deviation;
};

// Deviations keep the residual stream near 1: each matrix is scaled by its number of columns, and
// what is added to the stream is smaller.
std::vector<Plan> plan(const SyntheticShape& s, int n_layer, const SyntheticOptions& options) {
  const int64_t d = s.d_model, ff = s.d_ff, d_kv = d / s.n_head * s.n_head_kv;
  const double in = 0.8 / std::sqrt(d), add = 0.2 / std::sqrt(d), down = 0.2 / std::sqrt(ff);
  std::vector<Plan> out;
  auto gain = [&](std::string name) {
    out.push_back({std::move(name), Type::f32, {d}, 0});
  };
  auto matrix = [&](std::string name, int64_t rows, int64_t cols, double deviation) {
    out.push_back({std::move(name), options.type, {rows, cols}, deviation});
  };
  matrix("token_embd.weight", s.n_vocab, d, 1);
  for (int i = 0; i < n_layer; ++i) {
    const std::string blk = fmt::format("blk.{}.", i);
    gain(blk + "attn_norm.weight");
    matrix(blk + "attn_q.weight", d, d, in);
    matrix(blk + "attn_k.weight", d_kv, d, in);
    matrix(blk + "attn_v.weight", d_kv, d, in);
    matrix(blk + "attn_output.weight", d, d, add);
    gain(blk + "ffn_norm.weight");
    matrix(blk + "ffn_gate.weight", ff, d, in);
    matrix(blk + "ffn_up.weight", ff, d, in);
    matrix(blk + "ffn_down.weight", d, ff, down);
  }
  gain("output_norm.weight");
  out.push_back({"output.weight", options.head_type, {s.n_vocab, d}, in});
  return out;
}

// UTF-8 of the printable character that byte-level BPE writes a byte as.
std::string byte_character(int byte) {
  auto printed_as_itself = [](int b) {
    return (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
  };
  int code = byte;
  if (!printed_as_itself(byte)) {
    code = 0x100;
    for (int b = 0; b < byte; ++b) code += !printed_as_itself(b);
  }
  if (code < 0x80) return std::string(1, static_cast<char>(code));
  return {static_cast<char>(0xc0 | code >> 6), static_cast<char>(0x80 | (code & 0x3f))};
}

constexpr int32_t kNormal = 1, kControl = 3, kUnused = 5;   // tokenizer.ggml.token_type

// Tokens up to n_vocab; those beyond the vocabulary taken are marked unused.
void add_tokens(GgufWriter& out, std::vector<std::string> tokens, std::vector<int32_t> types,
                int n_vocab, std::string_view where) {
  if (static_cast<int>(tokens.size()) > n_vocab)
    fail(Code::invalid_argument, "{} has {} tokens, more than the {} of the shape", where,
         tokens.size(), n_vocab);
  types.resize(tokens.size(), kNormal);
  for (int i = 0; static_cast<int>(tokens.size()) < n_vocab; ++i) {
    tokens.push_back(fmt::format("<|unused_{}|>", i));
    types.push_back(kUnused);
  }
  out.add_texts("tokenizer.ggml.tokens",
                std::vector<std::string_view>(tokens.begin(), tokens.end()));
  out.add_i32s("tokenizer.ggml.token_type", types);
}

void add_byte_tokenizer(GgufWriter& out, int n_vocab) {
  std::vector<std::string> tokens = {"<|bos|>", "<|eos|>"};
  std::vector<int32_t> types = {kControl, kControl};
  for (int b = 0; b < 256; ++b) tokens.push_back(byte_character(b));
  tokens.push_back("\u0120t");   // some readers refuse an empty list of merges
  out.add_text("tokenizer.ggml.model", "gpt2");
  out.add_text("tokenizer.ggml.pre", "gpt-2");
  add_tokens(out, std::move(tokens), std::move(types), n_vocab, "the byte vocabulary");
  out.add_texts("tokenizer.ggml.merges", std::vector<std::string_view>{"\u0120 t"});
  out.add_u32("tokenizer.ggml.bos_token_id", 0);
  out.add_u32("tokenizer.ggml.eos_token_id", 1);
  out.add_bool("tokenizer.ggml.add_bos_token", false);
}

void copy_tokenizer(GgufWriter& out, const Store& donor, int n_vocab) {
  const Metadata& from = donor.metadata();
  const auto* tokens = from.strings("tokenizer.ggml.tokens");
  if (!tokens)
    fail(Code::invalid_argument, "{}: has no tokenizer to copy", donor.path());
  const Value::Ints types = from.integers("tokenizer.ggml.token_type").value_or(Value::Ints{});
  add_tokens(out, {tokens->begin(), tokens->end()}, {types.begin(), types.end()}, n_vocab,
             donor.path());
  for (const auto& [key, value] : from.values) {
    if (!key.starts_with("tokenizer.") || key == "tokenizer.ggml.tokens" ||
        key == "tokenizer.ggml.token_type")
      continue;
    if (key != "tokenizer.ggml.scores") {
      out.add(key, value);
      continue;
    }
    Value::Floats scores = *from.reals(key);
    scores.resize(n_vocab, 0);
    out.add(key, {std::move(scores)});
  }
}

void add_hyper(GgufWriter& out, const SyntheticShape& s, int n_layer, const SyntheticOptions& o) {
  std::string type(kernel::info(o.type).name);
  out.add_text("general.architecture", "llama");
  out.add_text("general.name", fmt::format("synthetic-{}-{}", s.name, type));
  out.add_u32("general.file_type", kernel::info(o.type).file_type);
  out.add_u32("general.quantization_version", 2);
  out.add_u32("llama.block_count", n_layer);
  out.add_u32("llama.context_length", s.n_context);
  out.add_u32("llama.embedding_length", s.d_model);
  out.add_u32("llama.feed_forward_length", s.d_ff);
  out.add_u32("llama.attention.head_count", s.n_head);
  out.add_u32("llama.attention.head_count_kv", s.n_head_kv);
  out.add_f32("llama.attention.layer_norm_rms_epsilon", 1e-5f);
  out.add_u32("llama.rope.dimension_count", s.d_model / s.n_head);
  out.add_f32("llama.rope.freq_base", static_cast<float>(s.rope_theta));
  out.add_u32("llama.vocab_size", s.n_vocab);
}

}  // namespace

const SyntheticShape* find_synthetic_shape(std::string_view name) {
  for (const SyntheticShape& s : kShapes)
    if (s.name == name) return &s;
  return nullptr;
}

std::string synthetic_shape_names() {
  std::string names;
  for (const SyntheticShape& s : kShapes) names.append(names.empty() ? "" : ", ").append(s.name);
  return names;
}

void write_synthetic(const std::string& path, const SyntheticOptions& options) {
  const SyntheticShape& shape = *options.shape;
  const int n_layer = options.n_layer > 0 ? options.n_layer : shape.n_layer;
  const std::vector<Plan> tensors = plan(shape, n_layer, options);
  for (const Plan& t : tensors)
    if (t.shape.back() % kernel::info(t.type).block != 0)
      fail(Code::invalid_argument, "{}: rows of {} are not whole {} blocks", t.name, t.shape.back(),
           kernel::info(t.type).name);

  GgufWriter out(path);
  add_hyper(out, shape, n_layer, options);
  if (options.tokenizer_from.empty())
    add_byte_tokenizer(out, shape.n_vocab);
  else
    copy_tokenizer(out, *open_store(options.tokenizer_from), shape.n_vocab);
  for (const Plan& t : tensors) out.declare(t.name, t.type, t.shape);
  out.begin();

  Random random(options.seed);
  for (const Plan& t : tensors) {
    int64_t elements = 1;
    for (int64_t n : t.shape) elements *= n;
    if (t.deviation == 0) {
      const std::vector<float> ones(elements, 1.0f);
      out.write({reinterpret_cast<const uint8_t*>(ones.data()), ones.size() * sizeof(float)});
    } else {
      Blocks(t.type, t.deviation, random).write(out, elements, random);
    }
  }
  out.finish();
}

}  // namespace strata::model
