#include "model/tokenizer/stop_tokens.h"

#include <algorithm>

namespace strata::model::tokenizer {
namespace {

constexpr std::string_view end_texts[] = {
    "<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|end_of_text|>", "<|endoftext|>", "<|end|>",
    "<|return|>", "<|call|>", "<|calls|>", "<|flush|>", "<end_of_turn>", "<turn|>", "<eos>", "</s>",
    "<EOT>", "_<EOT>", "< EOT >", "[EOT]", "[EOS]", "<|EOT|>", "<end_of_utterance>",
    "<｜end▁of▁sentence｜>", "<|END_OF_TURN_TOKEN|>", "<|endofturn|>", "[|endofturn|]",
    "[e~["};

}  // namespace

std::vector<Token> stop_tokens(const Vocabulary& vocabulary, std::span<const Token> declared) {
  std::vector<Token> stop;
  for (const Token id : declared)
    if (vocabulary.contains(id)) stop.push_back(id);
  const auto control = [&](std::string_view text) {
    const Token id = vocabulary.find(text);
    return id >= 0 && vocabulary.type(id) == TokenType::control ? id : -1;
  };
  // Harmony (<|return|>, <|call|>) and Solar (<|calls|>, <|flush|>) end a message, not the turn,
  // with <|end|>.
  const bool end_is_inner = (control("<|return|>") >= 0 && control("<|call|>") >= 0) ||
                            (control("<|calls|>") >= 0 && control("<|flush|>") >= 0);
  for (const std::string_view text : end_texts) {
    if (text == "<|end|>" && end_is_inner) continue;
    if (const Token id = control(text); id >= 0) stop.push_back(id);
  }
  std::ranges::sort(stop);
  stop.erase(std::ranges::unique(stop).begin(), stop.end());
  return stop;
}

}  // namespace strata::model::tokenizer
