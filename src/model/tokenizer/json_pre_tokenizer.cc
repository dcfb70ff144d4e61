#include "base/error.h"
#include "model/tokenizer/json_parts.h"
#include "model/tokenizer/pre_tokenizer.h"

namespace strata::model::tokenizer {
namespace {

constexpr std::string_view punctuation = R"([!-/:-@\[-`{-~\p{P}])";

SplitBehaviour behaviour(std::string_view name) {
  if (name == "Removed") return SplitBehaviour::removed;
  if (name == "Isolated") return SplitBehaviour::isolated;
  if (name == "MergedWithPrevious") return SplitBehaviour::merged_with_previous;
  if (name == "MergedWithNext") return SplitBehaviour::merged_with_next;
  if (name == "Contiguous") return SplitBehaviour::contiguous;
  bad_json("is no known behaviour", name);
}

class Reader {
 public:
  explicit Reader(bool mapped) : byte_level_(mapped) {
    if (mapped) mapped_from_ = 0;
  }

  void append(Json e, int depth) {
    if (depth > max_json_nesting) bad_json("is nested too deeply", "pre_tokenizer");
    const std::string_view type = text(e, "type");
    if (type == "Sequence") {
      for (const Json inner : array(e, "pretokenizers")) append(inner, depth + 1);
    } else if (type == "ByteLevel") {
      if (byte_level_) bad_json("occurs twice", "ByteLevel");
      if (boolean(e, "add_prefix_space", true)) stages_.push_back(prefix_space_stage());
      if (boolean(e, "use_regex", true)) split(gpt2_pattern, SplitBehaviour::isolated);
      byte_level_ = true;
      mapped_from_ = stages_.size();
    } else if (type == "Split") {
      const auto pattern = member(e, "pattern");
      if (!pattern) bad_json("is missing", "pattern");
      const std::string regex = member(*pattern, "String")
                                    ? regex_literal(text(*pattern, "String"))
                                    : std::string(text(*pattern, "Regex"));
      split(regex, behaviour(text(e, "behavior")), boolean(e, "invert", false));
    } else if (type == "Metaspace") {
      metaspace(e);
    } else if (type == "Digits") {
      split(boolean(e, "individual_digits", false) ? R"(\p{N})" : R"(\p{N}+)",
            SplitBehaviour::isolated);
    } else if (type == "Punctuation") {
      split(punctuation, behaviour(text(e, "behavior", "Isolated")));
    } else if (type == "BertPreTokenizer") {
      split(R"(\s+)", SplitBehaviour::removed);
      split(punctuation, SplitBehaviour::isolated);
    } else if (type == "Whitespace") {
#define RUST_WORD R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{200c}\x{200d})"   // \w of Rust's regex
      split("[" RUST_WORD "]+|[^\\s" RUST_WORD "]+", SplitBehaviour::removed, true);
    } else if (type == "WhitespaceSplit") {
      split(R"(\s+)", SplitBehaviour::removed);
    } else if (type == "CharDelimiterSplit") {
      split(regex_literal(text(e, "delimiter")), SplitBehaviour::removed);
    } else {
      fail(Code::unimplemented, "tokenizer: pre_tokenizer '{}' is not supported", type);
    }
  }

  JsonPreTokenizer finish() {
    // Stages after ByteLevel see its characters; the model takes bytes again.
    if (byte_level_ && mapped_from_ < stages_.size()) {
      stages_.insert(stages_.begin() + static_cast<ptrdiff_t>(mapped_from_), map_bytes_stage());
      stages_.push_back(unmap_bytes_stage());
    }
    return {std::move(stages_), byte_level_};
  }

 private:
  void split(std::string_view pattern, SplitBehaviour how, bool invert = false) {
    stages_.push_back(split_stage(Regex(pattern), how, invert));
  }

  void metaspace(Json e) {
    const bool add_prefix = boolean(e, "add_prefix_space", true);   // the older spelling
    const std::string_view scheme = text(e, "prepend_scheme", add_prefix ? "always" : "never");
    Prepend prepend = Prepend::never;
    if (scheme == "always") prepend = Prepend::always;
    else if (scheme == "first") prepend = Prepend::first;
    else if (scheme != "never") bad_json("is no known prepend_scheme", scheme);
    const std::string_view mark = text(e, "replacement", "\xE2\x96\x81");
    if (mark.empty()) bad_json("is empty", "replacement");
    stages_.push_back(metaspace_stage(std::string(mark), prepend, boolean(e, "split", true)));
  }

  Stages stages_;
  bool byte_level_;
  size_t mapped_from_ = 0;
};

}  // namespace

JsonPreTokenizer read_pre_tokenizer(std::optional<Json> e, bool mapped) {
  Reader reader(mapped);
  if (e) reader.append(*e, 0);
  return reader.finish();
}

}  // namespace strata::model::tokenizer
