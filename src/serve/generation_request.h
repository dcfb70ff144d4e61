// What chat and text completion requests have in common: sampling, stopping, streaming.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/constraint.h"
#include "engine/request.h"
#include "fleet/model_card.h"
#include "serve/field.h"
#include "serve/part_reader.h"
#include "serve/structured.h"

namespace strata::serve {

constexpr int max_n = 128;
constexpr int max_top_logprobs = 20;

struct Prompt {
  std::vector<engine::Token> ids;
  std::optional<std::string> echo = {};   // its text, to be repeated
};

struct GenerationRequest {
  std::string model;
  engine::SamplingParams sampling;
  int n = 1, priority = 0;
  double deadline_s = 0;
  std::string cache_salt;
  std::vector<std::string> stop;
  std::vector<std::string> bad_words;
  std::vector<std::string> dry_sequence_breakers = {"\n", ":", "\"", "*"};
  int prompt_logprobs = -1;
  bool include_stop = false, skip_special = true;
  bool stream = false, has_stream_options = false;
  bool include_usage = false, continuous_usage = false;
  std::optional<int> max_tokens;
  StructureFields format;
  std::vector<engine::Token> kept_special;   // control tokens that show, whatever skip_special says
  std::shared_ptr<const engine::Constraint> constraint;   // made of it by the endpoint
  ReadingOptions reading;                                 // of the answer's text
};

/// What the server's operator set for requests that say nothing.
struct GenerationDefaults {
  std::optional<float> temperature;
  int max_tokens = -1;   // also the upper limit
};

std::span<const Field<GenerationRequest>> generation_fields();

/// Checks fields against each other and the model, and fills in the limits on length; a request
/// that gives none gets `default_max_tokens` (-1: up to the context).
/// Errors: invalid_argument naming the field.
void complete_generation(GenerationRequest& request, const fleet::ModelCard& card,
                         const GenerationDefaults& defaults, int default_max_tokens);

}  // namespace strata::serve
