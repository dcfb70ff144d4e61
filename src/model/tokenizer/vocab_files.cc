#include "model/tokenizer/vocab_files.h"

#include <unordered_map>

#include "base/error.h"
#include "model/tokenizer/json_reader.h"
#include "model/tokenizer/pre_tokenizer.h"
#include "model/tokenizer/utf8.h"
#include "model/tokenizer/vocabulary.h"

namespace strata::model::tokenizer {
namespace {

using nlohmann::json;

template <class F>
void each_line(std::string_view text, std::string_view name, F&& f) {
  if (!valid_utf8(text)) fail(Code::data_loss, "{}: is no text in UTF-8", name);
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    f(line, number);
  }
}

int64_t id_in(const json& vocabulary, const std::string& token) {
  const auto at = vocabulary.find(token);
  return at != vocabulary.end() && at->is_number_integer() ? at->get<int64_t>() : -1;
}

// One more than the largest id.
int64_t end_of(const json& vocabulary) {
  int64_t end = 0;
  for (const json& id : vocabulary)
    if (id.is_number_integer())
      end = std::max(end, std::min<int64_t>(id.get<int64_t>(), max_vocabulary) + 1);
  return end;
}

json enclosing(std::string_view type, const json& added, const std::string& cls,
               const std::string& sep) {
  json pairs = {{"type", type}};
  for (const json& token : added) {
    if (token["content"] == cls) pairs["cls"] = {cls, token["id"]};
    if (token["content"] == sep) pairs["sep"] = {sep, token["id"]};
  }
  return pairs.contains("cls") && pairs.contains("sep") ? pairs : json();
}

}  // namespace

std::string merges_json(std::string_view vocab_json, std::string_view merges_txt,
                        FolderSettings& settings) {
  json vocabulary = json::parse(vocab_json, nullptr, false);
  if (!vocabulary.is_object()) fail(Code::data_loss, "vocab.json: is no JSON object");
  json merges = json::array();
  each_line(merges_txt, "merges.txt", [&](std::string_view line, size_t number) {
    if (line.empty() || (number == 1 && line.starts_with("#version"))) return;
    if (const size_t space = line.find(' ');
        space == 0 || space == line.npos || space + 1 == line.size())
      fail(Code::data_loss, "merges.txt: line {} is no pair", number);
    merges.push_back(line);
  });
  // An empty list would say that ids are the order of merging.
  if (merges.empty()) fail(Code::data_loss, "merges.txt: holds no merges");

  const bool roberta = settings.is("roberta"), qwen = settings.is("qwen");
  const bool prefix = settings.flag("add_prefix_space", false);
  if (roberta) {
    for (const auto& [key, token] :
         {std::pair{"bos_token", "<s>"}, {"eos_token", "</s>"}, {"unk_token", "<unk>"},
          {"pad_token", "<pad>"}, {"mask_token", "<mask>"}})
      settings.default_token(key, token);
  } else {
    settings.default_token("eos_token", "<|endoftext|>");
    settings.default_token("unk_token", "<|endoftext|>");
    if (!qwen) settings.default_token("bos_token", "<|endoftext|>");
  }
  json added = settings.added_tokens(
      [&](const std::string& token) { return id_in(vocabulary, token); }, end_of(vocabulary));
  json bytes = {{"type", "ByteLevel"}, {"add_prefix_space", prefix}, {"use_regex", !qwen}};
  json out = {{"model", {{"type", "BPE"}, {"merges", std::move(merges)}}},
              {"pre_tokenizer", bytes},
              {"decoder", {{"type", "ByteLevel"}}}};
  if (qwen) {
    const json split = {{"type", "Split"},
                        {"pattern", {{"Regex", find_pre_tokenizer("qwen2")->patterns[0]}}},
                        {"behavior", "Isolated"},
                        {"invert", false}};
    out["normalizer"] = {{"type", "NFC"}};
    out["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", {split, bytes}}};
  }
  if (roberta)
    if (json e = enclosing("RobertaProcessing", added, "<s>", "</s>"); !e.is_null())
      out["post_processor"] = std::move(e);
  out["model"]["vocab"] = std::move(vocabulary);
  out["added_tokens"] = std::move(added);
  return out.dump();
}

std::string wordpiece_json(std::string_view vocab_txt, FolderSettings& settings) {
  json vocabulary = json::object();
  int64_t n = 0;
  each_line(vocab_txt, "vocab.txt", [&](std::string_view line, size_t) {
    if (static_cast<size_t>(n) >= max_vocabulary)
      fail(Code::data_loss, "vocab.txt: more than {} lines", max_vocabulary);
    vocabulary[std::string(line)] = n++;
  });
  if (n == 0) fail(Code::data_loss, "vocab.txt: holds no tokens");
  for (const auto& [key, token] :
       {std::pair{"unk_token", "[UNK]"}, {"sep_token", "[SEP]"}, {"pad_token", "[PAD]"},
        {"cls_token", "[CLS]"}, {"mask_token", "[MASK]"}})
    settings.default_token(key, token);
  const bool lowercase = settings.flag("do_lower_case", true);
  json normalizer = {{"type", "BertNormalizer"},
                     {"clean_text", true},
                     {"handle_chinese_chars", settings.flag("tokenize_chinese_chars", true)},
                     {"strip_accents", settings.flag("strip_accents", lowercase)},
                     {"lowercase", lowercase}};
  json added = settings.added_tokens(
      [&](const std::string& token) { return id_in(vocabulary, token); }, n);
  const std::string unknown = settings.token("unk_token");
  json out = {{"model", {{"type", "WordPiece"}, {"unk_token", unknown}}},
              {"normalizer", std::move(normalizer)},
              {"pre_tokenizer", {{"type", "BertPreTokenizer"}}},
              {"decoder", {{"type", "WordPiece"}}}};
  if (json e = enclosing("BertProcessing", added, settings.token("cls_token"),
                         settings.token("sep_token"));
      !e.is_null())
    out["post_processor"] = std::move(e);
  out["model"]["vocab"] = std::move(vocabulary);
  out["added_tokens"] = std::move(added);
  return out.dump();
}

}  // namespace strata::model::tokenizer
