#include <algorithm>

#include "base/error.h"
#include "model/tokenizer/base64.h"
#include "model/tokenizer/json_parts.h"

namespace strata::model::tokenizer {
namespace {

NormalizerPtr replace(Json e) {
  const auto pattern = member(e, "pattern");
  if (!pattern) bad_json("is missing", "pattern");
  std::string to(text(e, "content"));
  if (member(*pattern, "String"))
    return replace_normalizer(std::string(text(*pattern, "String")), std::move(to));
  return replace_normalizer(Regex(text(*pattern, "Regex")), std::move(to));
}

NormalizerPtr charsmap(Json e) {
  auto bytes = from_base64(text(e, "precompiled_charsmap"));
  if (!bytes) bad_json("is no base64", "precompiled_charsmap");
  Trie kept;
  if (member(e, "kept"))
    for (const Json piece : array(e, "kept")) kept.insert(as_text(piece, "kept"), 0);
  return charsmap_normalizer(std::move(*bytes), std::move(kept));
}

NormalizerPtr bert(Json e) {
  const bool lowercase = boolean(e, "lowercase", true);
  return bert_normalizer({.clean_text = boolean(e, "clean_text", true),
                          .space_around_cjk = boolean(e, "handle_chinese_chars", true),
                          .strip_accents = boolean(e, "strip_accents", lowercase),
                          .lowercase = lowercase});
}

void append(Json e, int depth, std::vector<NormalizerPtr>& steps, bool& byte_level) {
  if (depth > max_json_nesting) bad_json("is nested too deeply", "normalizer");
  const std::string_view type = text(e, "type");
  if (type == "Sequence") {
    for (const Json inner : array(e, "normalizers")) append(inner, depth + 1, steps, byte_level);
    return;
  }
  if (byte_level)
    fail(Code::unimplemented, "tokenizer: normalizer '{}' after ByteLevel is not supported", type);
  if (type == "ByteLevel") byte_level = true;
  else if (type == "NFC") steps.push_back(unicode_normalizer(UnicodeForm::nfc));
  else if (type == "NFD") steps.push_back(unicode_normalizer(UnicodeForm::nfd));
  else if (type == "NFKC") steps.push_back(unicode_normalizer(UnicodeForm::nfkc));
  else if (type == "NFKD") steps.push_back(unicode_normalizer(UnicodeForm::nfkd));
  else if (type == "Lowercase") steps.push_back(lowercase_normalizer());
  else if (type == "StripAccents") steps.push_back(strip_accents_normalizer());
  else if (type == "Strip")
    steps.push_back(
        strip_normalizer(boolean(e, "strip_left", true), boolean(e, "strip_right", true)));
  else if (type == "Prepend") steps.push_back(prepend_normalizer(std::string(text(e, "prepend"))));
  else if (type == "Replace") steps.push_back(replace(e));
  else if (type == "BertNormalizer") steps.push_back(bert(e));
  else if (type == "Nmt") steps.push_back(nmt_normalizer());
  else if (type == "Append") steps.push_back(append_normalizer(std::string(text(e, "append"))));
  else if (type == "SingleSpaces") steps.push_back(single_space_normalizer());
  else if (type == "Precompiled") steps.push_back(charsmap(e));
  else
    fail(Code::unimplemented, "tokenizer: normalizer '{}' is not supported", type);
}

}  // namespace

JsonNormalizer read_normalizer(Json e) {
  JsonNormalizer out;
  std::vector<NormalizerPtr> steps;
  append(e, 0, steps, out.byte_level);
  if (steps.size() == 1) out.normalizer = std::move(steps[0]);
  else if (!steps.empty()) out.normalizer = sequence_normalizer(std::move(steps));
  return out;
}

}  // namespace strata::model::tokenizer
