#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>

#include "base/error.h"
#include "model/convert/gguf_form.h"
#include "model/tokenizer.h"
#include "model/tokenizer/base64.h"
#include "model/tokenizer/bpe.h"
#include "model/tokenizer/files.h"
#include "model/tokenizer/pre_tokenizer.h"
#include "model/tokenizer/utf8.h"
#include "model/tokenizer/vocabulary.h"

namespace strata::model {
namespace {

using nlohmann::json;
using tokenizer::TokenType;

/// What the parts of tokenizer.json amount to, in GGUF's words.
struct Words {
  std::string_view model;  // tokenizer.ggml.model
  std::string_view pre = "default";
  bool add_space_prefix = false;
  bool scored = false;     // the vocabulary has scores beside its pieces
};

class Writer {
 public:
  Writer(const Store& store, int n_vocab, GgufForm& form)
      : store_(store), n_vocab_(n_vocab), form_(form) {}

  void write() {
    json_ = json::parse(tokenizer::tokenizer_texts(store_).tokenizer, nullptr, false);
    if (!json_.is_object() || !json_.contains("model") || !json_["model"].is_object()) return;
    tokenizer_ = make_tokenizer(store_);
    if (tokenizer_->size() > n_vocab_)
      fail(Code::data_loss, "{}: the tokenizer has {} tokens, the model {}", store_.path(),
           tokenizer_->size(), n_vocab_);
    const Words words = read_words();
    put("model", {std::string(words.model)});
    put("pre", {std::string(words.pre)});
    write_tokens(words);
    if (words.model == "gpt2") write_merges();
    if (words.scored) write_scores();
    else if (words.model == "llama") write_scores_of_merges();
    if (words.model != "gpt2" && words.model != "bert") {
      put("add_space_prefix", {words.add_space_prefix});
      write_normalizer();
    }
    write_ids();
    if (const std::string text = store_.side_file("chat_template.jinja"); !text.empty())
      form_.metadata.values["tokenizer.chat_template"] = {text};
    else if (const auto config =
                 json::parse(store_.side_file("tokenizer_config.json"), nullptr, false);
             config.is_object() && config.contains("chat_template") &&
             config["chat_template"].is_string())
      form_.metadata.values["tokenizer.chat_template"] = {
          config["chat_template"].get<std::string>()};
  }

 private:
  void put(std::string_view name, Value value) {
    form_.metadata.values[fmt::format("tokenizer.ggml.{}", name)] = std::move(value);
  }
  std::string_view keep(std::string text) { return form_.texts.emplace_back(std::move(text)); }

  [[noreturn]] void unknown(std::string_view what) const {
    fail(Code::unimplemented,
         "{}: GGUF has no name for this tokenizer ({}); --no-tokenizer converts the weights alone",
         store_.path(), what);
  }

  /// Every part of this type under pre_tokenizer, normalizer or decoder, in order.
  template <class F>
  static void each_part(const json& part, F&& f) {
    if (!part.is_object()) return;
    for (const char* list : {"pretokenizers", "normalizers", "decoders"})
      if (part.contains(list) && part[list].is_array())
        for (const json& inner : part[list]) each_part(inner, f);
    f(part);
  }
  bool has_part(const char* kind, std::string_view type) const {
    bool found = false;
    if (json_.contains(kind))
      each_part(json_[kind], [&](const json& p) { found |= p.value("type", "") == type; });
    return found;
  }

  Words read_words() const {
    const json& model = json_["model"];
    const std::string type = model.value("type", "BPE");
    if (type == "WordPiece") return {.model = "bert"};
    const bool prefix = has_part("normalizer", "Prepend") || has_part("pre_tokenizer", "Metaspace");
    if (type == "Unigram") return {.model = "t5", .add_space_prefix = prefix, .scored = true};
    if (type == "SentencePiece")
      return {.model = "llama", .add_space_prefix = prefix, .scored = true};
    if (type != "BPE") unknown(type);
    if (model.value("byte_fallback", false)) return {.model = "llama", .add_space_prefix = prefix};
    if (!has_part("pre_tokenizer", "ByteLevel")) unknown("BPE over characters");
    return {.model = "gpt2", .pre = pre_tokenizer()};
  }

  // The row of the table that cuts with these patterns.
  std::string_view pre_tokenizer() const {
    std::vector<std::string> patterns;
    each_part(json_["pre_tokenizer"], [&](const json& p) {
      const std::string type = p.value("type", "");
      if (type == "Split" && p.contains("pattern") && p["pattern"].is_object())
        patterns.push_back(p["pattern"].value("Regex", p["pattern"].value("String", "")));
      else if (type == "Digits")
        patterns.push_back(p.value("individual_digits", false) ? R"(\p{N})" : R"(\p{N}+)");
      else if (type == "ByteLevel" && p.value("use_regex", true))
        patterns.push_back(std::string(tokenizer::gpt2_pattern));
    });
    const bool whole = json_["model"].value("ignore_merges", false);
    std::string_view found;
    for (std::string_view name : tokenizer::pre_tokenizer_names()) {
      const tokenizer::PreTokenizer& row = *tokenizer::find_pre_tokenizer(name);
      std::vector<std::string> theirs;
      for (std::string_view p : row.patterns)
        if (!p.empty()) theirs.emplace_back(p);
      const bool same = theirs == patterns && !(row.flags & tokenizer::characters);
      if (!same || (found.size() > 0 && whole != ((row.flags & tokenizer::ignore_merges) != 0)))
        continue;
      if (found.empty() || whole == ((row.flags & tokenizer::ignore_merges) != 0)) {
        found = name;
        if (whole == ((row.flags & tokenizer::ignore_merges) != 0)) break;
      }
    }
    if (found.empty()) unknown("its pattern");
    return found;
  }

  void write_tokens(const Words& words) {
    std::map<int64_t, bool> added;  // id: special
    if (json_.contains("added_tokens") && json_["added_tokens"].is_array())
      for (const json& t : json_["added_tokens"])
        if (t.is_object() && t.contains("id") && t["id"].is_number_integer())
          added[t["id"].get<int64_t>()] = t.value("special", false);
    Value::Strings tokens;
    Value::Ints types;
    for (int i = 0; i < n_vocab_; ++i) {
      const bool exists = i < tokenizer_->size() && !tokenizer_->piece(i).empty();
      if (!exists) {
        tokens.push_back(keep(fmt::format("[PAD{}]", i)));
        types.push_back(static_cast<int64_t>(TokenType::unused));
        continue;
      }
      const auto known = added.find(i);
      const TokenType type =
          token_type(i, words, known == added.end() ? std::nullopt : std::optional(known->second));
      tokens.push_back(spelling(i, words, type));
      types.push_back(static_cast<int64_t>(type));
    }
    put("tokens", {std::move(tokens)});
    put("token_type", {std::move(types)});
  }

  TokenType token_type(Token id, const Words& words, std::optional<bool> added) const {
    const std::string_view piece = tokenizer_->piece(id);
    if (words.model != "gpt2" && id == tokenizer_->unk) return TokenType::unknown;
    if (added) return *added ? TokenType::control : TokenType::user_defined;
    if (const auto types = json_["model"].find("types"); types != json_["model"].end())
      return static_cast<size_t>(id) < types->size() && (*types)[id].is_number_integer()
                 ? static_cast<TokenType>((*types)[id].get<int>())
                 : TokenType::normal;
    if (words.model == "llama" && piece.size() == 6 && piece.starts_with("<0x") &&
        piece.back() == '>')
      return TokenType::byte;
    return TokenType::normal;
  }

  // WordPiece marks a word's first piece in GGUF, the others in Hugging Face's files.
  std::string_view spelling(Token id, const Words& words, TokenType type) {
    const std::string_view piece = tokenizer_->piece(id);
    if (words.model != "bert" || type == TokenType::control || type == TokenType::unknown)
      return keep(std::string(piece));
    if (piece.starts_with("##")) return keep(std::string(piece.substr(2)));
    return keep(std::string(tokenizer::lower_block) + std::string(piece));
  }

  // "a b" in old files, ["a", "b"] in new ones.
  std::vector<std::string> merges() const {
    std::vector<std::string> out;
    for (const json& m : json_["model"].value("merges", json::array())) {
      if (m.is_string()) out.push_back(m.get<std::string>());
      else if (m.is_array() && m.size() == 2 && m[0].is_string() && m[1].is_string())
        out.push_back(m[0].get<std::string>() + " " + m[1].get<std::string>());
    }
    return out;
  }

  void write_merges() {
    Value::Strings lines;
    for (std::string& m : merges()) lines.push_back(keep(std::move(m)));
    if (lines.empty()) lines = merges_by_rank();
    put("merges", {std::move(lines)});
  }

  // Ranks of tiktoken are the order of merging.
  Value::Strings merges_by_rank() {
    tokenizer::Vocabulary vocabulary;
    const json& pieces = json_["model"]["vocab"];
    for (Token id = 0; id < tokenizer_->size(); ++id) {
      const std::string piece(tokenizer_->piece(id));
      vocabulary.add(piece, pieces.contains(piece) ? TokenType::normal : TokenType::control);
    }
    vocabulary.build_index();
    Value::Strings lines;
    for (const tokenizer::Merge& m : tokenizer::Bpe(vocabulary, {}, {}).merges())
      lines.push_back(keep(fmt::format("{} {}", m.left, m.right)));
    return lines;
  }

  // What a text goes through before it is cut.
  void write_normalizer() {
    put("remove_extra_whitespaces", {has_part("normalizer", "SingleSpaces")});
    if (!json_.contains("normalizer")) return;
    each_part(json_["normalizer"], [&](const json& p) {
      if (p.value("type", "") != "Precompiled") return;
      const auto map = tokenizer::from_base64(p.value("precompiled_charsmap", ""));
      if (!map || map->empty()) return;
      Value::Ints bytes;
      for (const char c : *map) bytes.push_back(static_cast<uint8_t>(c));
      put("precompiled_charsmap", {std::move(bytes)});
    });
  }

  // SentencePiece merges what gives the token of the highest score: the earlier in the list.
  void write_scores_of_merges() {
    Value::Floats scores(n_vocab_, 0);
    double rank = 0;
    for (const std::string& m : merges()) {
      const size_t space = m.find(' ', 1);
      if (space == m.npos) continue;
      const Token id = tokenizer_->find(m.substr(0, space) + m.substr(space + 1));
      rank -= 1;
      if (id >= 0 && scores[id] == 0) scores[id] = rank;
    }
    put("scores", {std::move(scores)});
  }

  void write_scores() {
    Value::Floats scores(n_vocab_, 0);
    const json vocabulary = json_["model"].value("vocab", json::array());
    for (size_t i = 0; i < vocabulary.size() && i < scores.size(); ++i)
      if (vocabulary[i].is_array() && vocabulary[i].size() == 2 && vocabulary[i][1].is_number())
        scores[i] = vocabulary[i][1].get<double>();
    put("scores", {std::move(scores)});
  }

  void write_ids() {
    const std::pair<std::string_view, Token> ids[] = {{"bos_token_id", tokenizer_->bos},
                                                      {"eos_token_id", tokenizer_->eos},
                                                      {"unknown_token_id", tokenizer_->unk},
                                                      {"padding_token_id", tokenizer_->pad}};
    for (const auto& [name, id] : ids)
      if (id >= 0) put(name, {static_cast<uint64_t>(id)});
    put("add_bos_token", {tokenizer_->add_bos});
    put("add_eos_token", {tokenizer_->add_eos});
  }

  const Store& store_;
  int n_vocab_;
  GgufForm& form_;
  json json_;
  std::unique_ptr<Tokenizer> tokenizer_;
};

}  // namespace

void add_gguf_vocabulary(const Store& store, int n_vocab, GgufForm& form) {
  if (tokenizer::tokenizer_file(store).empty()) return;
  Writer(store, n_vocab, form).write();
}

}  // namespace strata::model
