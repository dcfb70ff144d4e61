#include "grammar/vocabulary.h"

#include <algorithm>
#include <string_view>

#include "base/error.h"
#include "grammar/matcher.h"
#include "model/rust/strata_rust.h"

namespace strata::grammar {
namespace {

constexpr char kControl = '\xFF';  // in front of the bytes of tokens that no text stands for

const uint8_t* bytes(std::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

std::string_view name(Kind kind) {
  switch (kind) {
    case Kind::json_schema: return "json_schema";
    case Kind::regex: return "regex";
    case Kind::lark: return "lark";
  }
  return "";
}

/// Tokens of text within a text. Tokenizers that put a space before the first word see another
/// character there, whose tokens are cut off again.
std::vector<model::Token> encode_inside(const model::Tokenizer& tokenizer, std::string_view text) {
  constexpr model::Tokenizer::EncodeOptions kPlain{.add_special = false, .parse_special = false};
  if (tokenizer.model != "spm") return tokenizer.encode(text, kPlain);
  constexpr std::string_view kBefore = "\n";
  auto all = tokenizer.encode(std::string(kBefore) + std::string(text), kPlain);
  const auto before = tokenizer.encode(kBefore, kPlain);
  if (all.size() < before.size() || !std::equal(before.begin(), before.end(), all.begin()))
    return tokenizer.encode(text, kPlain);
  all.erase(all.begin(), all.begin() + std::ptrdiff_t(before.size()));
  return all;
}

size_t tokenize(const void* tokenizer, const uint8_t* text, size_t size, uint32_t* tokens,
                size_t capacity) {
  const auto ids = encode_inside(*static_cast<const model::Tokenizer*>(tokenizer),
                                 {reinterpret_cast<const char*>(text), size});
  for (size_t i = 0; i < std::min(capacity, ids.size()); ++i)
    tokens[i] = static_cast<uint32_t>(ids[i]);
  return ids.size();
}

}  // namespace

struct Vocabulary::Impl {
  RustVocabulary* handle = nullptr;
  ~Impl() {
    if (handle) strata_vocabulary_free(handle);
  }
};

Vocabulary::Vocabulary(const model::Tokenizer& tokenizer, std::span<const engine::Token> stop)
    : impl_(std::make_unique<Impl>()) {
  std::string all;
  std::vector<uint32_t> ends, stops;
  for (engine::Token id = 0; id < tokenizer.size(); ++id) {
    const bool stops_here = std::find(stop.begin(), stop.end(), id) != stop.end();
    if (stops_here) stops.push_back(static_cast<uint32_t>(id));
    if (stops_here || tokenizer.is_special(id)) all += kControl;
    all += tokenizer.bytes(id, false);
    ends.push_back(static_cast<uint32_t>(all.size()));
  }
  RustString error{};
  impl_->handle = strata_vocabulary_new(bytes(all), ends.data(), ends.size(), stops.data(),
                                        stops.size(), tokenize, &tokenizer, &error);
  const std::string message = take_string(error);
  if (!impl_->handle) fail(Code::invalid_argument, "structured output: {}", message);
}

Vocabulary::~Vocabulary() = default;

std::unique_ptr<engine::Constraint> Vocabulary::compile(const Source& source) const {
  const size_t most = source.kind == Kind::json_schema ? kSchemaMax : kGrammarMax;
  if (source.text.size() > most)
    fail(Code::invalid_argument, "the grammar has {} bytes, at most {} are allowed",
         source.text.size(), most);
  const std::string_view kind = name(source.kind);
  RustString error{};
  RustMatcher* matcher = strata_matcher_new(impl_->handle, bytes(kind), kind.size(),
                                            bytes(source.text), source.text.size(), &error);
  const std::string message = take_string(error);
  if (!matcher) fail(Code::invalid_argument, "{}", explain(source.kind, message));
  return std::make_unique<Matcher>(matcher);
}

}  // namespace strata::grammar
