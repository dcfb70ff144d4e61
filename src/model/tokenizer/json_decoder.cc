#include <algorithm>

#include "base/error.h"
#include "model/tokenizer/json_parts.h"

namespace strata::model::tokenizer {
namespace {

using Kind = Decoder::Kind;

struct Reader {
  std::vector<Decoder::Step> steps;
  bool fused = false;   // what follows Fuse works on the whole text

  void append(Json e, int depth) {
    if (depth > max_json_nesting) bad_json("is nested too deeply", "decoder");
    const std::string_view type = text(e, "type");
    if (type == "Sequence") {
      for (const Json inner : array(e, "decoders")) append(inner, depth + 1);
    } else if (type == "ByteLevel") {
      steps.push_back({Kind::byte_level, "", ""});
    } else if (type == "Metaspace") {
      const bool add_prefix = boolean(e, "add_prefix_space", true);
      const bool drops = text(e, "prepend_scheme", add_prefix ? "always" : "never") != "never";
      const std::string mark(text(e, "replacement", "\xE2\x96\x81"));
      if (mark.empty()) bad_json("is empty", "replacement");
      steps.push_back({Kind::metaspace, mark, "", drops});
    } else if (type == "Replace") {
      const auto pattern = member(e, "pattern");
      if (!pattern) bad_json("is missing", "pattern");
      steps.push_back({Kind::replace, std::string(text(*pattern, "String")),
                       std::string(text(e, "content"))});
    } else if (type == "ByteFallback") {
      steps.push_back({Kind::byte_fallback, "", ""});
    } else if (type == "Fuse") {
      fused = true;
    } else if (type == "Strip") {
      const int64_t times = std::clamp<int64_t>(integer(e, "start", 0), 0, 1 << 20);
      steps.push_back({fused ? Kind::strip_text : Kind::strip, std::string(text(e, "content")), "",
                       static_cast<int>(times)});
    } else if (type == "WordPiece") {
      steps.push_back({Kind::word_piece, std::string(text(e, "prefix", "##")), ""});
      if (boolean(e, "cleanup", true)) steps.push_back({Kind::clean_up, "", ""});
    } else if (type == "BPEDecoder") {
      steps.push_back({Kind::replace, std::string(text(e, "suffix", "</w>")), " "});
    } else {
      fail(Code::unimplemented, "tokenizer: decoder '{}' is not supported", type);
    }
  }
};

}  // namespace

Decoder read_decoder(Json e) {
  Reader reader;
  reader.append(e, 0);
  return Decoder(std::move(reader.steps), false);
}

}  // namespace strata::model::tokenizer
