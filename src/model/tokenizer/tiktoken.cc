#include "model/tokenizer/tiktoken.h"

#include <fmt/format.h>

#include <charconv>
#include <unordered_map>

#include "base/error.h"
#include "model/tokenizer/base64.h"
#include "model/tokenizer/byte_map.h"
#include "model/tokenizer/pre_tokenizer.h"
#include "model/tokenizer/vocabulary.h"

namespace strata::model::tokenizer {
namespace {

using nlohmann::json;

constexpr size_t max_line = 8192;
constexpr size_t max_gap = 65536;   // ranks that no line has

// The next line without its end.
std::string_view next_line(std::string_view& text) {
  const size_t end = std::min(text.find('\n'), text.size());
  std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// "b64 rank"; false if the line is none of these.
bool read_line(std::string_view line, std::string& token, size_t& rank) {
  const size_t space = line.find(' ');
  if (space == 0 || space == line.npos || line.size() > max_line) return false;
  const char* end = line.data() + line.size();
  if (const auto [at, error] = std::from_chars(line.data() + space + 1, end, rank);
      error != std::errc() || at != end)
    return false;
  auto bytes = from_base64(line.substr(0, space));
  if (!bytes || bytes->empty()) return false;
  token = std::move(*bytes);
  return true;
}

/// What a family's tokenizer adds to its ranks.
struct Layout {
  std::string_view pattern;                 // a name of pre_tokenizer.h
  std::vector<std::string> specials = {};   // from the first free id on
  std::vector<std::string> prefix = {};     // of every text
  std::string bos = "", eos = "";
  bool nfc = false;
};

std::vector<std::string> numbered(std::vector<std::string> first, std::string_view format, int from,
                                  int to) {
  for (int i = from; i < to; ++i) first.push_back(fmt::format(fmt::runtime(format), i));
  return first;
}

bool layout_of(const FolderSettings& settings, size_t n_rank, Layout& out) {
  if (settings.family() == "qwen") {
    out = {.pattern = "qwen2",
           .specials = numbered({"<|endoftext|>", "<|im_start|>", "<|im_end|>"}, "<|extra_{}|>", 0,
                                205),
           .eos = "<|endoftext|>",
           .nfc = true};
  } else if (settings.is("chatglm")) {
    out = {.pattern = "glm4",
           .specials = {"<|endoftext|>", "[MASK]", "[gMASK]", "[sMASK]", "<sop>", "<eop>",
                        "<|system|>", "<|user|>", "<|assistant|>", "<|observation|>",
                        "<|begin_of_image|>", "<|end_of_image|>", "<|begin_of_video|>",
                        "<|end_of_video|>"},
           .prefix = {"[gMASK]", "<sop>"},
           .eos = "<|endoftext|>"};
  } else if (settings.is("tiktoken") || settings.is("kimi")) {
    out = {.pattern = "kimi-k2", .bos = "[BOS]", .eos = "[EOS]"};
    for (size_t id = n_rank; id < n_rank + 256; ++id)
      out.specials.push_back(fmt::format("<|reserved_token_{}|>", id));
  } else if (settings.is("llama")) {
    out = {.pattern = "llama3",
           .specials = numbered({"<|begin_of_text|>", "<|end_of_text|>",
                                 "<|reserved_special_token_0|>", "<|reserved_special_token_1|>",
                                 "<|finetune_right_pad_id|>", "<|reserved_special_token_2|>",
                                 "<|start_header_id|>", "<|end_header_id|>", "<|eom_id|>",
                                 "<|eot_id|>", "<|python_tag|>"},
                                "<|reserved_special_token_{}|>", 3, 248),
           .prefix = {"<|begin_of_text|>"},
           .bos = "<|begin_of_text|>",
           .eos = "<|end_of_text|>"};
  } else {
    return false;
  }
  return true;
}

// A special token that the folder's files place takes the id from the family's list.
std::vector<std::string> unplaced(const FolderSettings& settings, const Layout& layout,
                                  int64_t first) {
  std::unordered_map<int64_t, bool> placed;
  const json added = settings.added_tokens([](const std::string&) { return -1; }, first);
  std::vector<std::string> out;
  std::unordered_map<std::string, bool> known;
  for (const json& token : added) {
    placed[token["id"].get<int64_t>()] = true;
    known[token["content"].get<std::string>()] = true;
  }
  for (size_t i = 0; i < layout.specials.size(); ++i)
    if (!placed.contains(first + static_cast<int64_t>(i)) && !known.contains(layout.specials[i]))
      out.push_back(layout.specials[i]);
  return out;
}

}  // namespace

bool looks_like_tiktoken(std::string_view text) {
  std::string token;
  size_t rank;
  return read_line(next_line(text), token, rank);
}

std::vector<std::string> parse_tiktoken(std::string_view text, std::string_view where) {
  std::vector<std::string> ranks;
  size_t n = 0;
  for (size_t number = 1; !text.empty(); ++number) {
    const std::string_view line = next_line(text);
    if (line.empty()) continue;
    std::string token;
    size_t rank = 0;
    if (!read_line(line, token, rank))
      fail(Code::data_loss, "{}: line {} is no base64 and a rank", where, number);
    if (rank >= max_vocabulary || rank > n + max_gap)
      fail(Code::data_loss, "{}: line {}: rank {} after {} tokens", where, number, rank, n);
    if (rank >= ranks.size()) ranks.resize(rank + 1);
    if (!ranks[rank].empty())
      fail(Code::data_loss, "{}: line {}: rank {} occurs twice", where, number, rank);
    ranks[rank] = std::move(token);
    ++n;
  }
  if (n == 0) fail(Code::data_loss, "{}: holds no ranks", where);
  return ranks;
}

std::string tiktoken_json(const std::vector<std::string>& ranks, FolderSettings& settings,
                          std::string_view where) {
  Layout layout;
  const bool known = layout_of(settings, ranks.size(), layout);
  std::string pattern = settings.text("pat_str");
  if (pattern.empty() && known)
    pattern = find_pre_tokenizer(layout.pattern)->patterns[0];
  if (pattern.empty())
    fail(Code::unimplemented,
         "{}: how these ranks cut a text is known for Qwen, GLM-4, Kimi and Llama 3, not for '{}'; "
         "give the pattern as \"pat_str\" in tokenizer_config.json", where, settings.family());
  settings.default_token("bos_token", layout.bos);
  settings.default_token("eos_token", layout.eos);

  json vocabulary = json::object();
  for (size_t rank = 0; rank < ranks.size(); ++rank)
    if (!ranks[rank].empty()) vocabulary[map_bytes(ranks[rank])] = rank;
  const auto first = static_cast<int64_t>(ranks.size());
  std::unordered_map<std::string, int64_t> ids;
  for (size_t i = 0; i < layout.specials.size(); ++i)
    ids.emplace(layout.specials[i], first + static_cast<int64_t>(i));
  settings.default_specials(unplaced(settings, layout, first));
  const json added = settings.added_tokens(
      [&](const std::string& content) {
        const auto at = ids.find(content);
        return at == ids.end() ? -1 : at->second;
      },
      first);
  json split = {{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"},
                {"invert", false}};
  json bytes = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}};
  json out = {{"model",
               {{"type", "BPE"},
                {"vocab", std::move(vocabulary)},
                {"merges", json::array()},   // in the order of the ranks
                {"ignore_merges", true}}},
              {"pre_tokenizer",
               {{"type", "Sequence"}, {"pretokenizers", {std::move(split), std::move(bytes)}}}},
              {"decoder", {{"type", "ByteLevel"}}},
              {"added_tokens", added}};
  if (layout.nfc) out["normalizer"] = {{"type", "NFC"}};
  if (!layout.prefix.empty()) {
    json single = json::array(), specials = json::object();
    for (const json& token : added) {
      const std::string content = token["content"];
      if (std::ranges::find(layout.prefix, content) != layout.prefix.end())
        specials[content] = {{"ids", {token["id"]}}};
    }
    for (const std::string& content : layout.prefix)
      if (specials.contains(content)) single.push_back({{"SpecialToken", {{"id", content}}}});
    single.push_back({{"Sequence", {{"id", "A"}}}});
    out["post_processor"] = {
        {"type", "TemplateProcessing"}, {"single", single}, {"special_tokens", specials}};
  }
  return out.dump();
}

}  // namespace strata::model::tokenizer
