#include "serve/generation_request.h"

#include <charconv>
#include <cmath>

#include "engine/sampler.h"
#include "engine/validate.h"

namespace strata::serve {
namespace {

using R = GenerationRequest;

constexpr size_t max_stop_strings = 16, max_stop_bytes = 1024;
constexpr size_t max_stop_tokens = 1024, max_bad_words = 256, max_breakers = 64;
constexpr float smallest_top_p = 1e-6f;   // top_p = 0 asks for the best token alone

std::string short_text(const std::string& name, const Json& v) {
  check(string(), name, v);
  const auto& text = v.get_ref<const std::string&>();
  if (text.empty() || text.size() > max_stop_bytes)
    bad_field(name, fmt::format("'{}' must hold 1 to {} bytes, not {}", name, max_stop_bytes,
                                text.size()), "invalid_value");
  return text;
}

std::vector<std::string> short_texts(std::string_view field, const Json& v) {
  std::vector<std::string> texts;
  for (size_t i = 0; i < v.size(); ++i)
    texts.push_back(short_text(fmt::format("{}[{}]", field, i), v[i]));
  return texts;
}

void set_stop(R& r, const Json& v) {
  if (v.is_string()) return r.stop.push_back(short_text("stop", v));
  if (!v.is_array() || v.size() > max_stop_strings)
    bad_field("stop", fmt::format("'stop' must be a string or an array of at most {} strings",
                                  max_stop_strings), "invalid_value");
  r.stop = short_texts("stop", v);
}

std::vector<engine::Token> token_ids(std::string_view field, const Json& v) {
  std::vector<engine::Token> ids;
  for (size_t i = 0; i < v.size(); ++i) {
    check(integer(0), fmt::format("{}[{}]", field, i), v[i]);
    ids.push_back(v[i].get<engine::Token>());
  }
  return ids;
}

void set_logit_bias(R& r, const Json& v) {
  for (const auto& [key, bias] : v.items()) {
    const std::string name = fmt::format("logit_bias[{}]", json_string(key.substr(0, 40)));
    engine::Token id = -1;
    const auto [end, ec] = std::from_chars(key.data(), key.data() + key.size(), id);
    if (ec != std::errc() || end != key.data() + key.size() || id < 0)
      bad_field("logit_bias", fmt::format("{}: the name must be a token id", name),
                "invalid_value");
    check(number(-100, 100), name, bias);
    r.sampling.logit_bias[id] = bias.get<float>();
  }
}

void set_seed(R& r, const Json& v) {
  if (!v.is_number_integer())
    bad_field("seed", fmt::format("'seed' must be an integer, not {}", kind_name(v)),
              "invalid_type");
  r.sampling.seed = v.is_number_unsigned() ? v.get<uint64_t>()
                                           : static_cast<uint64_t>(v.get<int64_t>());
}

void set_stream_options(R& r, const Json& v) {
  static constexpr Field<R> fields[] = {
      {"include_usage", boolean(), [](R& q, const Json& b) { q.include_usage = b.get<bool>(); }},
      {"continuous_usage_stats", boolean(),
       [](R& q, const Json& b) { q.continuous_usage = b.get<bool>(); }},
      {"include_obfuscation", boolean(), nullptr},
  };
  FieldReader().with(std::span<const Field<R>>(fields), r).read(v, "stream_options.");
  r.has_stream_options = true;
}

#define STRATA_SET(statement) [](R& r, const Json& v) { statement; }
const Field<R> fields[] = {
    {"model", string(), STRATA_SET(r.model = v.get<std::string>())},
    // Sampling.
    {"temperature", number(0, 2), STRATA_SET(r.sampling.temperature = v.get<float>())},
    {"top_p", number(0, 1),
     STRATA_SET(r.sampling.top_p = std::max(v.get<float>(), smallest_top_p))},
    {"top_k", integer(-1), STRATA_SET(r.sampling.top_k = std::max(v.get<int>(), 0))},
    {"min_p", number(0, 1), STRATA_SET(r.sampling.min_p = v.get<float>())},
    {"typical_p", number(0, 1),
     STRATA_SET(r.sampling.typical_p = std::max(v.get<float>(), smallest_top_p))},
    {"repetition_penalty", number(0.01, 100),
     STRATA_SET(r.sampling.repetition_penalty = v.get<float>())},
    {"presence_penalty", number(-2, 2), STRATA_SET(r.sampling.presence_penalty = v.get<float>())},
    {"frequency_penalty", number(-2, 2), STRATA_SET(r.sampling.frequency_penalty = v.get<float>())},
    {"logit_bias", object(), set_logit_bias},
    {"allowed_token_ids", array(1, engine::RequestLimits::kAllowedTokens),
     STRATA_SET(r.sampling.allowed_tokens = token_ids("allowed_token_ids", v))},
    {"bad_words", array(0, max_bad_words), STRATA_SET(r.bad_words = short_texts("bad_words", v))},
    {"top_n_sigma", number(0, 100), STRATA_SET(r.sampling.top_n_sigma = v.get<float>())},
    {"xtc_probability", number(0, 1), STRATA_SET(r.sampling.xtc_probability = v.get<float>())},
    {"xtc_threshold", number(0, 1), STRATA_SET(r.sampling.xtc_threshold = v.get<float>())},
    {"dry_multiplier", number(0, 100), STRATA_SET(r.sampling.dry_multiplier = v.get<float>())},
    {"dry_base", number(1, 100), STRATA_SET(r.sampling.dry_base = v.get<float>())},
    {"dry_allowed_length", integer(1),
     STRATA_SET(r.sampling.dry_allowed_length = v.get<int>())},
    {"dry_penalty_last_n", integer(-1),
     STRATA_SET(r.sampling.dry_penalty_last_n = v.get<int>())},
    {"dry_sequence_breakers", array(0, max_breakers),
     STRATA_SET(r.dry_sequence_breakers = short_texts("dry_sequence_breakers", v))},
    {"mirostat", integer(0, 2), STRATA_SET(r.sampling.mirostat = v.get<int>())},
    {"mirostat_tau", number(0, 100), STRATA_SET(r.sampling.mirostat_tau = v.get<float>())},
    {"mirostat_eta", number(0, 1), STRATA_SET(r.sampling.mirostat_eta = v.get<float>())},
    {"seed", any(), set_seed},
    {"n", integer(1, max_n), STRATA_SET(r.n = v.get<int>())},
    {"deadline_ms", number(1, engine::RequestLimits::kDeadlineMs),
     STRATA_SET(r.deadline_s = v.get<double>() / 1000)},
    {"cache_salt", string(), STRATA_SET(r.cache_salt = short_text("cache_salt", v))},
    {"priority", integer(-2147483648.0), STRATA_SET(r.priority = v.get<int>())},
    // Ending.
    {"min_tokens", integer(0), STRATA_SET(r.sampling.min_tokens = v.get<int>())},
    {"stop", any(), set_stop},
    {"stop_token_ids", array(0, max_stop_tokens),
     STRATA_SET(r.sampling.stop_tokens = token_ids("stop_token_ids", v))},
    {"ignore_eos", boolean(), STRATA_SET(r.sampling.ignore_eos = v.get<bool>())},
    {"include_stop_str_in_output", boolean(), STRATA_SET(r.include_stop = v.get<bool>())},
    {"skip_special_tokens", boolean(), STRATA_SET(r.skip_special = v.get<bool>())},
    // The answer's form.
    {"stream", boolean(), STRATA_SET(r.stream = v.get<bool>())},
    {"stream_options", object(), set_stream_options},
    {"prompt_logprobs", integer(-1, engine::kLogprobsMax),
     STRATA_SET(r.prompt_logprobs = v.get<int>())},
    // For the client's own books.
    {"user", string(), nullptr},
    {"metadata", object(), nullptr},
    {"request_id", string(), nullptr},
    {"service_tier", string(), nullptr},
    // Would change the answer: never ignored.
    {"use_beam_search", refused("sample with n and choose the best yourself"), nullptr},
    {"logits_processors", refused("use logit_bias"), nullptr},
    {"truncate_prompt_tokens", refused("shorten the prompt; /tokenize counts"), nullptr},
    {"return_tokens_as_token_ids", refused("/tokenize gives the ids of a text"), nullptr},
};
#undef STRATA_SET

void check_token(const fleet::ModelCard& card, engine::Token id, std::string_view param) {
  if (id >= card.n_vocab)
    bad_field(param, fmt::format("'{}': token id {} is not in the vocabulary of {} tokens", param,
                                 id, card.n_vocab), "invalid_value");
}

}  // namespace

std::span<const Field<GenerationRequest>> generation_fields() { return fields; }

void complete_generation(GenerationRequest& r, const fleet::ModelCard& card,
                         const GenerationDefaults& defaults, int default_max_tokens) {
  if (r.has_stream_options && !r.stream)
    bad_field("stream_options", "'stream_options' is only allowed when 'stream' is true",
              "invalid_value");
  for (const auto& [id, bias] : r.sampling.logit_bias) check_token(card, id, "logit_bias");
  for (engine::Token id : r.sampling.stop_tokens) check_token(card, id, "stop_token_ids");
  for (engine::Token id : r.sampling.allowed_tokens) check_token(card, id, "allowed_token_ids");
  if (r.prompt_logprobs >= 0 && r.stream)
    bad_field("prompt_logprobs", "'prompt_logprobs' is not available when 'stream' is true",
              "invalid_value");

  int most = r.max_tokens.value_or(default_max_tokens);
  if (defaults.max_tokens >= 0)
    most = r.max_tokens ? std::min(most, defaults.max_tokens) : defaults.max_tokens;
  r.sampling.max_tokens = most;
  if (r.max_tokens && r.sampling.min_tokens > *r.max_tokens)
    bad_field("min_tokens", fmt::format("'min_tokens' ({}) is larger than the limit on tokens ({})",
                                        r.sampling.min_tokens, *r.max_tokens), "invalid_value");
  if (most >= 0) r.sampling.min_tokens = std::min(r.sampling.min_tokens, most);
}

}  // namespace strata::serve
