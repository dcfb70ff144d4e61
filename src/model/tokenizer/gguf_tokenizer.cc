#include "model/tokenizer/gguf_tokenizer.h"

#include "base/error.h"
#include "model/tokenizer/bpe.h"
#include "model/tokenizer/pipeline.h"
#include "model/tokenizer/pre_tokenizer.h"
#include "model/tokenizer/spm.h"
#include "model/tokenizer/stop_tokens.h"
#include "model/tokenizer/unigram.h"
#include "model/tokenizer/utf8.h"
#include "model/tokenizer/wordpiece.h"

namespace strata::model::tokenizer {
namespace {

constexpr size_t max_charsmap = size_t{1} << 24;

// What the file does not say, by tokenizer model.
struct Defaults {
  Token bos = -1, eos = -1, unk = -1, pad = -1, sep = -1;
  bool add_bos = false, add_eos = false, add_sep = false;
};

std::string key(std::string_view name) { return "tokenizer.ggml." + std::string(name); }

class Builder {
 public:
  explicit Builder(const Metadata& metadata) : meta_(metadata) {}

  std::unique_ptr<Tokenizer> build() {
    const std::string model = meta_.text(key("model")).value_or("");
    if (model.empty()) fail(Code::data_loss, "the file has no tokenizer (no {})", key("model"));
    read_vocabulary();
    if (model == "gpt2" || model == "gemma4") build_bpe(model);
    else if (model == "llama") build_spm();
    else if (model == "bert") build_wordpiece();
    else if (model == "t5") build_unigram();
    else
      fail(Code::unimplemented,
           "tokenizer model '{}' is not supported (gpt2, gemma4, llama, bert and t5 are)", model);
    return finish();
  }

 private:
  void read_vocabulary() {
    const Value::Strings* tokens = meta_.strings(key("tokens"));
    if (!tokens || tokens->empty())
      fail(Code::data_loss, "{} is missing or empty", key("tokens"));
    const auto types = meta_.integers(key("token_type"));
    if (types && types->size() != tokens->size())
      fail(Code::data_loss, "{} has {} entries, {} has {}", key("token_type"), types->size(),
           key("tokens"), tokens->size());
    parts_.vocabulary = std::make_unique<Vocabulary>();
    Vocabulary& v = *parts_.vocabulary;
    for (size_t i = 0; i < tokens->size(); ++i) {
      const int64_t number = types ? (*types)[i] : 1;
      const TokenType type =
          number >= 1 && number <= 6 ? static_cast<TokenType>(number) : TokenType::normal;
      const Token id = v.add((*tokens)[i], type);
      const bool special = type == TokenType::control || type == TokenType::unknown;
      if (special || type == TokenType::user_defined)
        parts_.raw_tokens.add((*tokens)[i], {.id = id, .special = special});
    }
    v.build_index();
  }

  template <class Number>
  std::vector<Number> scores() const {
    const auto values = meta_.reals(key("scores"));
    const auto n = static_cast<size_t>(parts_.vocabulary->size());
    if (!values || values->size() != n)
      fail(Code::data_loss, "{} is missing or has not one entry for each of {} tokens",
           key("scores"), n);
    return {values->begin(), values->end()};
  }

  Token id_of(std::string_view name, Token otherwise) const {
    const int64_t id = meta_.integer(key(name)).value_or(otherwise);
    return id >= 0 && id < parts_.vocabulary->size() ? static_cast<Token>(id) : -1;
  }
  bool flag(std::string_view name, bool otherwise) const {
    return meta_.boolean(key(name)).value_or(otherwise);
  }

  void build_bpe(const std::string& model) {
    pre_ = meta_.text(key("pre")).value_or(model == "gemma4" ? "gemma4" : "default");
    const PreTokenizer* pre = find_pre_tokenizer(pre_);
    if (!pre)
      fail(Code::unimplemented,
           "pre-tokeniser '{}' ({}) is not known: its pattern belongs into the table of "
           "model/tokenizer/pre_tokenizer.cc", pre_, key("pre"));
    model_ = "bpe";
    const bool characters = pre->flags & PreTokenizerFlag::characters;
    defaults_.add_bos = pre->flags & PreTokenizerFlag::add_bos;
    defaults_.add_sep = pre->flags & PreTokenizerFlag::add_sep;
    parts_.stages = pre->stages();
    std::vector<Merge> merges;
    if (const Value::Strings* lines = meta_.strings(key("merges"))) {
      merges.reserve(lines->size());
      for (const std::string_view line : *lines)
        // From 1: the left part may be a space itself.
        if (const size_t space = line.find(' ', 1); space != line.npos)
          merges.push_back({line.substr(0, space), line.substr(space + 1)});
    }
    parts_.model = std::make_unique<Bpe>(
        *parts_.vocabulary, merges,
        Bpe::Options{.bytes = !characters,
                     .byte_fallback = characters,
                     .ignore_merges = (pre->flags & PreTokenizerFlag::ignore_merges) != 0});
    using Kind = Decoder::Kind;
    if (!characters) {
      parts_.decoder = Decoder({{Kind::byte_level, "", ""}}, true);
      return;
    }
    parts_.normalizer = replace_normalizer(" ", std::string(lower_block));
    parts_.decoder = Decoder(
        {{Kind::replace, std::string(lower_block), " "}, {Kind::byte_fallback, "", ""}}, true);
  }

  void read_charsmap() {
    if (const auto map = meta_.integers(key("precompiled_charsmap"))) {
      if (map->size() > max_charsmap)
        fail(Code::data_loss, "{} has {} bytes (at most {})", key("precompiled_charsmap"),
             map->size(), max_charsmap);
      std::string bytes;
      for (const int64_t b : *map) bytes.push_back(static_cast<char>(b));
      parts_.normalizer = charsmap_normalizer(std::move(bytes));
    }
  }

  // Spaces of the text as SentencePiece's models spell them.
  void escape_spaces(bool add_prefix) {
    std::vector<NormalizerPtr> steps;
    if (parts_.normalizer) steps.push_back(std::move(parts_.normalizer));
    if (flag("remove_extra_whitespaces", false)) steps.push_back(single_space_normalizer());
    if (add_prefix) steps.push_back(prepend_normalizer(" "));
    steps.push_back(replace_normalizer(" ", std::string(lower_block)));
    parts_.normalizer = sequence_normalizer(std::move(steps));
    using Kind = Decoder::Kind;
    std::vector<Decoder::Step> decode = {{Kind::replace, std::string(lower_block), " "},
                                         {Kind::byte_fallback, "", ""}};
    if (add_prefix) decode.push_back({Kind::strip_text, " ", "", 1});
    parts_.decoder = Decoder(std::move(decode), true);
  }

  void build_spm() {
    model_ = "spm";
    defaults_ = {.bos = 1, .eos = 2, .unk = 0, .add_bos = true};
    read_charsmap();
    parts_.takes_any_bytes = !parts_.normalizer;
    escape_spaces(flag("add_space_prefix", true));
    parts_.model = std::make_unique<Spm>(
        *parts_.vocabulary, scores<float>(),
        Spm::Options{.unknown = id_of("unknown_token_id", defaults_.unk)});
  }

  void build_unigram() {
    model_ = "unigram";
    defaults_ = {.eos = 1, .unk = 2, .pad = 0, .add_eos = true};
    read_charsmap();
    escape_spaces(flag("add_space_prefix", true));
    parts_.model = std::make_unique<Unigram>(*parts_.vocabulary, scores<double>(),
                                             id_of("unknown_token_id", defaults_.unk), false);
  }

  void build_wordpiece() {
    model_ = "wordpiece";
    defaults_ = {.bos = 101, .unk = 100, .pad = 0, .sep = 102, .add_bos = true, .add_sep = true};
    defaults_.bos = id_of("cls_token_id", defaults_.bos);
    const bool lowercase = flag("normalizer.lowercase", true);
    parts_.normalizer = bert_normalizer(
        {.strip_accents = flag("normalizer.strip_accents", lowercase), .lowercase = lowercase});
    parts_.stages.push_back(split_stage(Regex(R"(\s+)"), SplitBehaviour::removed));
    parts_.stages.push_back(
        split_stage(Regex(R"([!-/:-@\[-`{-~\p{P}])"), SplitBehaviour::isolated));
    // Converters mark a word's first piece with "▁"; older files keep "##" on the others.
    const bool marked = parts_.vocabulary->find("##s") < 0;
    WordPiece::Options options;
    if (marked) options = {.start_prefix = std::string(lower_block), .continuing_prefix = ""};
    options.unknown = id_of("unknown_token_id", defaults_.unk);
    parts_.model = std::make_unique<WordPiece>(*parts_.vocabulary, std::move(options));
    using Kind = Decoder::Kind;
    parts_.decoder = Decoder({{Kind::word_piece, "##", marked ? std::string(lower_block) : ""},
                              {Kind::clean_up, "", ""}}, false);
  }

  std::unique_ptr<Tokenizer> finish() {
    const Token bos = id_of("bos_token_id", defaults_.bos);
    Token eos = id_of("eos_token_id", defaults_.eos);
    const Token sep = id_of("seperator_token_id", defaults_.sep);   // the key is spelt so
    const bool add_bos = flag("add_bos_token", defaults_.add_bos);
    const bool add_eos = flag("add_eos_token", defaults_.add_eos);
    const bool add_sep = flag("add_sep_token", defaults_.add_sep);
    if (add_bos && bos >= 0) parts_.prefix = {bos};
    if (add_eos && eos >= 0) parts_.suffix = {eos};
    else if (add_sep && sep >= 0) parts_.suffix = {sep};
    if (eos < 0) eos = sep;
    const Token ends[] = {eos, id_of("eot_token_id", -1), id_of("eom_token_id", -1)};
    std::vector<Token> stop = stop_tokens(*parts_.vocabulary, ends);
    const bool has_bos = !parts_.prefix.empty(), has_eos = !parts_.suffix.empty();
    const Token unk = id_of("unknown_token_id", defaults_.unk);
    const Token pad = id_of("padding_token_id", defaults_.pad);

    auto out = std::make_unique<PipelineTokenizer>(std::move(parts_));
    out->bos = bos, out->eos = eos, out->unk = unk, out->pad = pad;
    out->add_bos = has_bos, out->add_eos = has_eos;
    out->stop = std::move(stop);
    out->model = model_, out->pre = pre_;
    return out;
  }

  const Metadata& meta_;
  Parts parts_;
  Defaults defaults_;
  std::string model_, pre_;
};

}  // namespace

std::unique_ptr<Tokenizer> gguf_tokenizer(const Metadata& metadata) {
  return Builder(metadata).build();
}

}  // namespace strata::model::tokenizer
