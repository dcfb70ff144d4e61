#include "model/hyper.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "model/format/hf_config.h"
#include "model/hyper_read.h"
#include "model/store.h"
#include "model/testing/files.h"

namespace strata::model {
namespace {

using nlohmann::json;
using Windows = std::vector<int>;
using testing::golden;
using testing::real_model;

Hyper from(const json& config) {
  Hyper h = read_hyper_hf(HfConfig(config.dump(), "config.json"));
  check_hyper(h);
  return h;
}
Hyper from(const Metadata& m) {
  Hyper h = read_hyper_gguf(m, 0, {});
  check_hyper(h);
  return h;
}
Hyper from(const std::string& path) { return read_hyper(*open_store(path)); }

json golden_config(const char* name) {
  return json::parse(testing::read_text(golden(name) + "/config.json"));
}

void expect_same(const Rope& a, const Rope& b) {
  EXPECT_EQ(a.d, b.d);
  EXPECT_EQ(a.theta, b.theta);
  EXPECT_EQ(a.interleaved, b.interleaved);
  EXPECT_EQ(a.scaling, b.scaling);
  EXPECT_EQ(a.factor, b.factor);
  EXPECT_EQ(a.low_freq_factor, b.low_freq_factor);
  EXPECT_EQ(a.high_freq_factor, b.high_freq_factor);
  EXPECT_EQ(a.attn_factor, b.attn_factor);
  EXPECT_EQ(a.original_context, b.original_context);
}

void expect_same(const Hyper& a, const Hyper& b) {
  EXPECT_EQ(a.arch, b.arch);
  EXPECT_EQ(a.n_layer, b.n_layer);
  EXPECT_EQ(a.d_model, b.d_model);
  EXPECT_EQ(a.n_head, b.n_head);
  EXPECT_EQ(a.n_head_kv, b.n_head_kv);
  EXPECT_EQ(a.d_head, b.d_head);
  EXPECT_EQ(a.d_ff, b.d_ff);
  EXPECT_EQ(a.n_vocab, b.n_vocab);
  EXPECT_EQ(a.n_context, b.n_context);
  EXPECT_EQ(a.norm_eps, b.norm_eps);
  EXPECT_EQ(a.act, b.act);
  EXPECT_EQ(a.window, b.window);
  EXPECT_EQ(a.scale(), b.scale());
  EXPECT_EQ(a.attn_softcap, b.attn_softcap);
  EXPECT_EQ(a.logit_softcap, b.logit_softcap);
  EXPECT_EQ(a.embed_scale, b.embed_scale);
  EXPECT_EQ(a.residual_scale, b.residual_scale);
  EXPECT_EQ(a.logit_scale, b.logit_scale);
  EXPECT_EQ(a.norm, b.norm);
  EXPECT_EQ(a.no_rope, b.no_rope);
  EXPECT_EQ(a.alibi_bias_max, b.alibi_bias_max);
  EXPECT_EQ(a.clip_qkv, b.clip_qkv);
  EXPECT_EQ(a.parallel, b.parallel);
  EXPECT_EQ(a.learned_positions, b.learned_positions);
  EXPECT_EQ(a.position_offset, b.position_offset);
  EXPECT_EQ(a.final_norm, b.final_norm);
  EXPECT_EQ(a.qkv_by_group, b.qkv_by_group);
  expect_same(a.rope, b.rope);
  expect_same(a.rope_local, b.rope_local);
}

template <class Source>
void expect_error(const Source& source, Code code, std::string_view part) {
  try {
    from(source);
    ADD_FAILURE() << "read, but should say: " << part;
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), code) << e.what();
    EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
  }
}

/// The spelling that most published files have.
json old_spelling(json c) {
  json rope = c["rope_parameters"];
  c.erase("rope_parameters");
  c["torch_dtype"] = c["dtype"];
  c.erase("dtype");
  if (rope.contains("full_attention")) {
    c["rope_local_base_freq"] = rope["sliding_attention"]["rope_theta"];
    rope = rope["full_attention"];
  }
  c["rope_theta"] = rope["rope_theta"];
  rope.erase("rope_theta");
  if (rope["rope_type"] == "default")
    c["rope_scaling"] = nullptr;
  else
    c["rope_scaling"] = rope;
  c.erase("layer_types");
  return c;
}

TEST(HyperHf, OldAndNewSpellingAgree) {
  for (const char* name : {"llama", "llama-tied-bias", "llama-yarn", "llama3-rope",
                           "mistral-window", "qwen2", "qwen3", "gemma2", "gemma3"}) {
    SCOPED_TRACE(name);
    const json config = golden_config(name);
    json old = old_spelling(config);
    expect_same(from(old), from(config));
    if (old["rope_scaling"].is_object()) {   // older still: "type"
      old["rope_scaling"]["type"] = old["rope_scaling"]["rope_type"];
      old["rope_scaling"].erase("rope_type");
      expect_same(from(old), from(config));
    }
  }
}

TEST(HyperHf, Gemma3PatternIsSpelledThreeWays) {
  json config = golden_config("gemma3");
  const Hyper want = from(config);
  EXPECT_EQ(want.window, (Windows{16, 16, 16, 16, 16, 0}));
  EXPECT_EQ(want.rope.theta, 1e6);
  EXPECT_EQ(want.rope_local.theta, 1e4);
  EXPECT_EQ(want.norm_offset, 1);
  EXPECT_EQ(want.embed_scale, 8);
  EXPECT_FLOAT_EQ(want.scale(), 1 / std::sqrt(32.0f));
  config.erase("layer_types");
  expect_same(from(config), want);
  config["sliding_window_pattern"] = config["_sliding_window_pattern"];
  config.erase("_sliding_window_pattern");
  expect_same(from(config), want);
  config["sliding_window_pattern"] = 3;
  EXPECT_EQ(from(config).window, (Windows{16, 16, 0, 16, 16, 0}));
}

// What the publishers' configuration classes take where config.json is silent
// (tools/golden/hf_defaults.py).
TEST(HyperHf, AbsentKeysTakeTheConfigurationClassesDefaults) {
  const json all = json::parse(testing::read_text(testing::golden("hf_defaults.json")));
  EXPECT_GE(all.size(), 30u);
  for (const json& config : all) {
    const std::string type = config["model_type"];
    SCOPED_TRACE(type);
    expect_same(from(json{{"model_type", type}}), from(config));
  }
}

TEST(HyperHf, AbsentKeysTakeThePublishersDefaults) {
  const Hyper llama = from(json{{"model_type", "llama"}});
  EXPECT_EQ(llama.n_layer, 32);
  EXPECT_EQ(llama.d_model, 4096);
  EXPECT_EQ(llama.n_head_kv, 32);
  EXPECT_EQ(llama.d_head, 128);
  EXPECT_EQ(llama.d_ff, 11008);
  EXPECT_EQ(llama.n_context, 2048);
  EXPECT_EQ(llama.norm_eps, 1e-6f);
  EXPECT_EQ(llama.rope.theta, 1e4);
  EXPECT_EQ(llama.window, Windows(32, 0));

  const Hyper mistral = from(json{{"model_type", "mistral"}});
  EXPECT_EQ(mistral.n_head_kv, 8);
  EXPECT_EQ(mistral.d_ff, 14336);
  EXPECT_EQ(mistral.window, Windows(32, 4096));

  const Hyper qwen3 = from(json{{"model_type", "qwen3"}, {"hidden_size", 1024}});
  EXPECT_EQ(qwen3.d_head, 128);
  EXPECT_EQ(qwen3.window, Windows(32, 0));

  const Hyper gemma2 = from(json{{"model_type", "gemma2"}});
  EXPECT_EQ(gemma2.attn_softcap, 50);
  EXPECT_EQ(gemma2.logit_softcap, 30);
  EXPECT_EQ(gemma2.d_head, 256);
  EXPECT_EQ(gemma2.window[0], 4096);
  EXPECT_EQ(gemma2.window[1], 0);
  EXPECT_EQ(gemma2.act, kernel::Act::gelu_tanh);

  const Hyper gemma3 = from(json{{"model_type", "gemma3_text"}});
  EXPECT_EQ(gemma3.n_vocab, 262208);
  EXPECT_EQ(gemma3.logit_softcap, 0);
  EXPECT_EQ(gemma3.rope.theta, 1e6);
  EXPECT_EQ(gemma3.rope_local.theta, 1e4);
  EXPECT_EQ(gemma3.n_context, 131072);
}

TEST(HyperHf, NullSwitchesOff) {
  EXPECT_EQ(from(json{{"model_type", "mistral"}, {"sliding_window", nullptr}}).window,
            Windows(32, 0));
  const Hyper gemma2 = from(json{{"model_type", "gemma2"},
                                 {"attn_logit_softcapping", nullptr},
                                 {"final_logit_softcapping", nullptr}});
  EXPECT_EQ(gemma2.attn_softcap, 0);
  EXPECT_EQ(gemma2.logit_softcap, 0);
  EXPECT_EQ(from(json{{"model_type", "qwen2"},
                      {"num_attention_heads", 16},
                      {"num_key_value_heads", nullptr}}).n_head_kv, 16);
}

TEST(HyperHf, QwenWindowsNeedTheirSwitch) {
  json config = {{"model_type", "qwen2"}, {"num_hidden_layers", 4},
                 {"sliding_window", 100}, {"max_window_layers", 2}};
  EXPECT_EQ(from(config).window, (Windows{0, 0, 0, 0}));
  config["use_sliding_window"] = true;
  EXPECT_EQ(from(config).window, (Windows{0, 0, 100, 100}));
}

// The text part of the published gemma-3-4b-it: everything else is a default.
TEST(HyperHf, MultiModalFilesNestTheLanguagePart) {
  const json config = {{"model_type", "gemma3"},
                       {"text_config",
                        {{"hidden_size", 2560},
                         {"intermediate_size", 10240},
                         {"model_type", "gemma3_text"},
                         {"num_hidden_layers", 34},
                         {"rope_scaling", {{"factor", 8.0}, {"rope_type", "linear"}}},
                         {"sliding_window", 1024}}},
                       {"vision_config", {{"hidden_size", 1152}}}};
  const Hyper h = from(config);
  EXPECT_EQ(h.arch, "gemma3");
  EXPECT_EQ(h.n_layer, 34);
  EXPECT_EQ(h.d_model, 2560);
  EXPECT_EQ(h.rope.scaling, RopeScaling::linear);
  EXPECT_EQ(h.rope.factor, 8);
  EXPECT_EQ(h.rope_local.scaling, RopeScaling::none) << "only global layers are stretched";
  EXPECT_EQ(h.window[4], 1024);
  EXPECT_EQ(h.window[5], 0);
}

TEST(HyperHf, YarnStretchesTheContext) {
  const json config = {{"model_type", "qwen2"}, {"max_position_embeddings", 32768},
                       {"rope_scaling", {{"factor", 4.0}, {"type", "yarn"},
                                         {"original_max_position_embeddings", 32768}}}};
  const Hyper h = from(config);
  EXPECT_EQ(h.n_context, 131072);
  EXPECT_EQ(h.rope.original_context, 32768);
  EXPECT_NEAR(h.rope.attn_factor, 0.1 * std::log(4.0) + 1, 1e-12);
}

TEST(HyperHf, TheImpossibleIsNamed) {
  auto with = [](const char* key, const json& value) {
    json config = {{"model_type", "llama"}};
    config[key] = value;
    return config;
  };
  expect_error(json::object(), Code::data_loss, "model_type");
  expect_error(json{{"model_type", "mamba9"}}, Code::unimplemented, "gemma3_text");
  expect_error(with("num_hidden_layers", 0), Code::data_loss, "'num_hidden_layers' is 0");
  expect_error(with("num_hidden_layers", -1), Code::data_loss, "'num_hidden_layers'");
  expect_error(with("num_hidden_layers", 1e9), Code::data_loss, "'num_hidden_layers'");
  expect_error(with("num_hidden_layers", 1.5), Code::data_loss, "'num_hidden_layers'");
  expect_error(with("hidden_size", "64"), Code::data_loss, "'hidden_size' should be an integer");
  expect_error(with("num_key_value_heads", 5), Code::data_loss, "5 key/value heads");
  expect_error(with("rms_norm_eps", -1), Code::data_loss, "'rms_norm_eps'");
  expect_error(with("hidden_act", "mish"), Code::unimplemented, "mish");
  expect_error(with("rope_theta", 0), Code::data_loss, "'rope_theta'");
  expect_error(with("head_dim", 7), Code::data_loss, "odd number");
  expect_error(with("rope_scaling", {{"rope_type", "longrope"}, {"factor", 2}}),
               Code::data_loss, "short_factor");
  expect_error(with("rope_scaling", {{"rope_type", "longrope"},
                                     {"short_factor", {1, 2}},
                                     {"long_factor", {1, 2}}}),
               Code::data_loss, "one a pair of dimensions");
  expect_error(with("rope_scaling", {{"rope_type", "ntk"}, {"factor", 2}}), Code::unimplemented,
               "ntk");
  expect_error(with("rope_scaling", {{"rope_type", "linear"}}), Code::data_loss, "'factor'");
  expect_error(
      with("rope_scaling", {{"rope_type", "llama3"}, {"factor", 8}, {"low_freq_factor", 4}}),
      Code::data_loss, "high_freq_factor");
  expect_error(json{{"model_type", "gemma3_text"}, {"use_bidirectional_attention", true}},
               Code::unimplemented, "use_bidirectional_attention");
  expect_error(json{{"model_type", "qwen3"}, {"use_sliding_window", true}, {"layer_types", {"x"}}},
               Code::data_loss, "layer_types");
  EXPECT_THROW(HfConfig("{\"a\": 1e999}", "config.json"), Error);
  EXPECT_THROW(HfConfig(std::string(100000, '['), "config.json"), Error);
  EXPECT_THROW(HfConfig(std::string(kHfConfigBytesMax + 1, ' '), "config.json"), Error);
}

Metadata gguf(const std::string& arch) {
  Metadata m;
  auto key = [&](const char* tail) { return arch + "." + tail; };
  m.values["general.architecture"] = {arch};
  m.values[key("block_count")] = {uint64_t{6}};
  m.values[key("embedding_length")] = {uint64_t{64}};
  m.values[key("feed_forward_length")] = {uint64_t{160}};
  m.values[key("attention.head_count")] = {uint64_t{4}};
  m.values[key("context_length")] = {uint64_t{512}};
  m.values[key("vocab_size")] = {uint64_t{384}};
  m.values[key("attention.layer_norm_rms_epsilon")] = {1e-6};
  return m;
}

TEST(HyperGguf, ConventionsOfTheFormat) {
  const Hyper llama = from(gguf("llama"));
  EXPECT_TRUE(llama.rope.interleaved);
  EXPECT_EQ(llama.n_head_kv, 4);
  EXPECT_EQ(llama.d_head, 16);
  EXPECT_EQ(llama.rope.theta, 1e4);
  EXPECT_EQ(llama.window, Windows(6, 0));
  for (const char* arch : {"qwen2", "qwen3", "gemma2", "gemma3"})
    EXPECT_FALSE(from(gguf(arch)).rope.interleaved) << arch;

  Metadata mistral = gguf("llama");   // how GGUF stores it
  mistral.values["llama.attention.sliding_window"] = {uint64_t{32}};
  EXPECT_EQ(from(mistral).window, Windows(6, 32));
}

TEST(HyperGguf, Gemma) {
  const Hyper gemma2 = from(gguf("gemma2"));
  EXPECT_EQ(gemma2.window, (Windows{4096, 0, 4096, 0, 4096, 0}));
  EXPECT_EQ(gemma2.attn_softcap, 50);
  EXPECT_EQ(gemma2.logit_softcap, 30);
  EXPECT_EQ(gemma2.norm_offset, 0) << "GGUF stores the gain itself";
  EXPECT_EQ(gemma2.embed_scale, 8);
  EXPECT_EQ(gemma2.act, kernel::Act::gelu_tanh);
  EXPECT_FLOAT_EQ(gemma2.scale(), 0.25f);

  Metadata m = gguf("gemma3");
  m.values["gemma3.attention.sliding_window"] = {uint64_t{16}};
  m.values["gemma3.attention.key_length"] = {uint64_t{32}};
  m.values["gemma3.rope.freq_base"] = {1e6};
  m.values["gemma3.rope.scaling.type"] = {std::string("linear")};
  m.values["gemma3.rope.scaling.factor"] = {8.0};
  const Hyper gemma3 = from(m);
  EXPECT_EQ(gemma3.window, (Windows{16, 16, 16, 16, 16, 0}));
  EXPECT_EQ(gemma3.rope.theta, 1e6);
  EXPECT_EQ(gemma3.rope.scaling, RopeScaling::linear);
  EXPECT_EQ(gemma3.rope_local.theta, 1e4);
  EXPECT_EQ(gemma3.rope_local.scaling, RopeScaling::none);
  EXPECT_EQ(gemma3.logit_softcap, 0);
  EXPECT_FLOAT_EQ(gemma3.scale(), 1 / std::sqrt(32.0f));

  m.values["gemma3.attention.sliding_window_pattern"] = {Value::Ints{0, 1, 0, 1, 0, 1}};
  EXPECT_EQ(from(m).window, (Windows{0, 16, 0, 16, 0, 16}));
}

// The 27B models scale queries by the width of a head in d_model, not by its key length.
TEST(HyperGguf, LargestGemmasScaleByWidth) {
  Metadata m = gguf("gemma2");
  m.values["gemma2.block_count"] = {uint64_t{46}};
  m.values["gemma2.embedding_length"] = {uint64_t{4608}};
  m.values["gemma2.attention.head_count"] = {uint64_t{32}};
  m.values["gemma2.attention.key_length"] = {uint64_t{128}};
  EXPECT_FLOAT_EQ(from(m).scale(), 1 / std::sqrt(144.0f));
  Metadata n = gguf("gemma3");
  n.values["gemma3.block_count"] = {uint64_t{62}};
  n.values["gemma3.embedding_length"] = {uint64_t{5376}};
  n.values["gemma3.attention.head_count"] = {uint64_t{32}};
  n.values["gemma3.attention.key_length"] = {uint64_t{128}};
  EXPECT_FLOAT_EQ(from(n).scale(), 1 / std::sqrt(168.0f));
}

TEST(HyperGguf, RopeScaling) {
  Metadata m = gguf("qwen2");
  m.values["qwen2.rope.scaling.type"] = {std::string("yarn")};
  m.values["qwen2.rope.scaling.factor"] = {4.0};
  m.values["qwen2.rope.scaling.original_context_length"] = {uint64_t{128}};
  const Hyper yarn = from(m);
  EXPECT_EQ(yarn.rope.scaling, RopeScaling::yarn);
  EXPECT_EQ(yarn.rope.original_context, 128);
  EXPECT_NEAR(yarn.rope.attn_factor, 0.1 * std::log(4.0) + 1, 1e-12);
  m.values["qwen2.rope.scaling.type"] = {std::string("none")};
  EXPECT_EQ(from(m).rope.scaling, RopeScaling::none);
  m.values["qwen2.rope.scaling.type"] = {std::string("ntk")};
  expect_error(m, Code::unimplemented, "ntk");

  Metadata old = gguf("llama");
  old.values["llama.rope.scale_linear"] = {2.0};
  EXPECT_EQ(from(old).rope.scaling, RopeScaling::linear);
  EXPECT_EQ(from(old).rope.factor, 2);
}

TEST(HyperGguf, TheImpossibleIsNamed) {
  auto with = [](const char* key, Value value) {
    Metadata m = gguf("llama");
    m.values[key] = std::move(value);
    return m;
  };
  expect_error(Metadata{}, Code::data_loss, "general.architecture");
  expect_error(gguf("mamba9"), Code::unimplemented, "gemma2, gemma3");
  expect_error(with("llama.block_count", {uint64_t{0}}), Code::data_loss,
               "'llama.block_count' is 0");
  expect_error(with("llama.block_count", {uint64_t{1} << 40}), Code::data_loss,
               "'llama.block_count'");
  expect_error(with("llama.attention.head_count", {std::string("4")}), Code::data_loss,
               "'llama.attention.head_count'");
  expect_error(with("llama.attention.head_count_kv", {Value::Ints{2, 4}}), Code::unimplemented,
               "differs between layers");
  expect_error(with("llama.attention.head_count_kv", {uint64_t{3}}), Code::data_loss,
               "3 key/value heads");
  expect_error(with("llama.attention.layer_norm_rms_epsilon", {std::nan("")}), Code::data_loss,
               "layer_norm_rms_epsilon");
  expect_error(with("llama.rope.dimension_count", {uint64_t{32}}), Code::data_loss, "32 rotated");
  Metadata missing = gguf("llama");
  missing.values.erase("llama.feed_forward_length");
  expect_error(missing, Code::data_loss, "'llama.feed_forward_length' is missing");
  Metadata tokens = gguf("llama");
  tokens.values["tokenizer.ggml.tokens"] = {Value::Strings(400, "x")};
  expect_error(tokens, Code::data_loss, "400 entries");
}

// Facts from the models' own cards and metadata.
TEST(HyperRealModels, AreReadRight) {
  const Hyper smol = from(real_model("SmolLM2-135M-Instruct.Q4_1.gguf"));
  EXPECT_EQ(smol.arch, "llama");
  EXPECT_EQ(smol.n_layer, 30);
  EXPECT_EQ(smol.d_model, 576);
  EXPECT_EQ(smol.n_head, 9);
  EXPECT_EQ(smol.n_head_kv, 3);
  EXPECT_EQ(smol.n_vocab, 49152);
  EXPECT_EQ(smol.rope.theta, 1e5);
  EXPECT_TRUE(smol.rope.interleaved);

  const Hyper gemma = from(real_model("gemma-3-270m.Q4_K_M.gguf"));
  EXPECT_EQ(gemma.arch, "gemma3");
  EXPECT_EQ(gemma.d_head, 256);
  EXPECT_EQ(gemma.n_head_kv, 1);
  EXPECT_EQ(gemma.n_vocab, 262144);
  EXPECT_FLOAT_EQ(gemma.scale(), 1.0f / 16);
  EXPECT_EQ(gemma.rope.theta, 1e6);
  EXPECT_EQ(gemma.rope_local.theta, 1e4);
  for (int i = 0; i < 18; ++i) EXPECT_EQ(gemma.window[i], i % 6 == 5 ? 0 : 512) << i;

  const Hyper qwen = from(real_model("Qwen2.5-Coder-0.5B-Instruct.Q4_K_M.gguf"));
  EXPECT_EQ(qwen.arch, "qwen2");
  EXPECT_EQ(qwen.n_layer, 24);
  EXPECT_EQ(qwen.d_ff, 4864);
  EXPECT_EQ(qwen.rope.theta, 1e6);
  EXPECT_FALSE(qwen.rope.interleaved);
  EXPECT_EQ(qwen.n_context, 32768);
}

}  // namespace
}  // namespace strata::model
