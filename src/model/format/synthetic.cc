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
    {"qwen2.5-0.5b", 24, 896, 4864, 14, 2, 151936, 32768, 1000000},
    {"qwen2.5-1.5b", 28, 1536, 8960, 12, 2, 151936, 32768, 1000000},
    {"tiny", 2, 256, 512, 4, 2, 512, 1024, 10000},
    {.name = "deepseek-3b", .n_layer = 17, .d_model = 2048, .d_ff = 6144, .n_head = 16,
     .n_head_kv = 1, .n_vocab = 32768, .n_context = 8192, .n_expert = 32, .n_expert_used = 4,
     .n_group = 4, .n_group_used = 2, .d_expert = 768, .q_rank = 768, .kv_rank = 512,
     .d_nope = 128, .d_rope = 64, .d_v = 128},
    {.name = "tiny-deepseek", .n_layer = 3, .d_model = 256, .d_ff = 512, .n_head = 4,
     .n_head_kv = 1, .n_vocab = 512, .n_context = 1024, .n_expert = 8, .n_expert_used = 2,
     .n_group = 4, .n_group_used = 2, .d_expert = 64, .q_rank = 128, .kv_rank = 64, .d_nope = 32,
     .d_rope = 32, .d_v = 32},
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

/// Tensors in the order of the file. Deviations keep the residual stream near 1: each matrix is
/// scaled by its number of columns, and what is added to the stream is smaller.
class Planner {
 public:
  Planner(const SyntheticShape& s, const SyntheticOptions& options) : s_(s), options_(options) {}

  std::vector<Plan> plan(int n_layer) {
    matrix("token_embd.weight", {s_.n_vocab, s_.d_model}, 1);
    for (int i = 0; i < n_layer; ++i) {
      blk_ = fmt::format("blk.{}.", i);
      gain("attn_norm", s_.d_model);
      if (s_.n_expert > 0) latent_attention();
      else attention();
      gain("ffn_norm", s_.d_model);
      if (s_.n_expert > 0 && i > 0) experts();
      else unit("", {}, s_.d_ff);
    }
    out_.push_back({"output_norm.weight", Type::f32, {s_.d_model}, 0});
    out_.push_back(
        {"output.weight", options_.head_type, {s_.n_vocab, s_.d_model}, into(s_.d_model)});
    return std::move(out_);
  }

 private:
  static double into(int64_t cols) { return 0.8 / std::sqrt(cols); }
  static double added(int64_t cols) { return 0.2 / std::sqrt(cols); }

  void gain(std::string_view name, int64_t n) {
    out_.push_back({fmt::format("{}{}.weight", blk_, name), Type::f32, {n}, 0});
  }
  void matrix(std::string name, std::vector<int64_t> shape, double deviation) {
    out_.push_back({std::move(name), options_.type, std::move(shape), deviation});
  }
  void part(std::string_view name, std::vector<int64_t> shape) {
    const double deviation = into(shape.back());
    matrix(fmt::format("{}{}.weight", blk_, name), std::move(shape), deviation);
  }
  void back(std::string_view name, std::vector<int64_t> shape) {   // into the residual stream
    const double deviation = added(shape.back());
    matrix(fmt::format("{}{}.weight", blk_, name), std::move(shape), deviation);
  }

  void attention() {
    const int64_t d = s_.d_model, d_kv = d / s_.n_head * s_.n_head_kv;
    part("attn_q", {d, d});
    part("attn_k", {d_kv, d});
    part("attn_v", {d_kv, d});
    back("attn_output", {d, d});
  }

  void latent_attention() {
    const int64_t d = s_.d_model, heads = s_.n_head;
    part("attn_q_a", {s_.q_rank, d});
    gain("attn_q_a_norm", s_.q_rank);
    part("attn_q_b", {heads * (s_.d_nope + s_.d_rope), s_.q_rank});
    part("attn_kv_a_mqa", {s_.kv_rank + s_.d_rope, d});
    gain("attn_kv_a_norm", s_.kv_rank);
    part("attn_k_b", {heads, s_.kv_rank, s_.d_nope});
    part("attn_v_b", {heads, s_.d_v, s_.kv_rank});
    back("attn_output", {d, heads * s_.d_v});
  }

  // A gated unit, or several of them stacked.
  void unit(std::string_view suffix, std::vector<int64_t> stack, int64_t ff) {
    const auto shape = [&](int64_t rows, int64_t cols) {
      std::vector<int64_t> all = stack;
      all.insert(all.end(), {rows, cols});
      return all;
    };
    part(fmt::format("ffn_gate{}", suffix), shape(ff, s_.d_model));
    part(fmt::format("ffn_up{}", suffix), shape(ff, s_.d_model));
    back(fmt::format("ffn_down{}", suffix), shape(s_.d_model, ff));
  }

  void experts() {
    out_.push_back({fmt::format("{}ffn_gate_inp.weight", blk_), Type::f32,
                    {s_.n_expert, s_.d_model}, into(s_.d_model)});
    unit("_exps", {s_.n_expert}, s_.d_expert);
    unit("_shexp", {}, s_.d_expert);
  }

  const SyntheticShape& s_;
  const SyntheticOptions& options_;
  std::string blk_;
  std::vector<Plan> out_;
};

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
  const std::string type(kernel::info(o.type).name);
  const auto key = [&](std::string_view tail) { return fmt::format("{}.{}", s.arch(), tail); };
  out.add_text("general.architecture", s.arch());
  out.add_text("general.name", fmt::format("synthetic-{}-{}", s.name, type));
  out.add_u32("general.file_type", kernel::info(o.type).file_type);
  out.add_u32("general.quantization_version", 2);
  out.add_u32(key("block_count"), n_layer);
  out.add_u32(key("context_length"), s.n_context);
  out.add_u32(key("embedding_length"), s.d_model);
  out.add_u32(key("feed_forward_length"), s.d_ff);
  out.add_u32(key("attention.head_count"), s.n_head);
  out.add_u32(key("attention.head_count_kv"), s.n_head_kv);
  out.add_f32(key("attention.layer_norm_rms_epsilon"), 1e-5f);
  out.add_f32(key("rope.freq_base"), static_cast<float>(s.rope_theta));
  out.add_u32(key("vocab_size"), s.n_vocab);
  if (s.n_expert == 0) {
    out.add_u32(key("rope.dimension_count"), s.d_model / s.n_head);
    return;
  }
  constexpr uint32_t kSigmoid = 2;
  out.add_u32(key("rope.dimension_count"), s.d_rope);
  out.add_u32(key("attention.q_lora_rank"), s.q_rank);
  out.add_u32(key("attention.kv_lora_rank"), s.kv_rank);
  out.add_u32(key("attention.key_length"), s.kv_rank + s.d_rope);
  out.add_u32(key("attention.value_length"), s.kv_rank);
  out.add_u32(key("attention.key_length_mla"), s.d_nope + s.d_rope);
  out.add_u32(key("attention.value_length_mla"), s.d_v);
  out.add_u32(key("leading_dense_block_count"), 1);
  out.add_u32(key("expert_count"), s.n_expert);
  out.add_u32(key("expert_used_count"), s.n_expert_used);
  out.add_u32(key("expert_shared_count"), 1);
  out.add_u32(key("expert_feed_forward_length"), s.d_expert);
  out.add_u32(key("expert_group_count"), s.n_group);
  out.add_u32(key("expert_group_used_count"), s.n_group_used);
  out.add_u32(key("expert_gating_func"), kSigmoid);
  out.add_f32(key("expert_weights_scale"), 2.5f);
  out.add_bool(key("expert_weights_norm"), true);
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
  const std::vector<Plan> tensors = Planner(shape, options).plan(n_layer);
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
