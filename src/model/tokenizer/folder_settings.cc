#include "model/tokenizer/folder_settings.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "base/error.h"
#include "model/tokenizer/vocabulary.h"

namespace strata::model::tokenizer {
namespace {

using nlohmann::json;

constexpr std::string_view token_keys[] = {"bos_token", "eos_token",  "unk_token", "sep_token",
                                           "pad_token", "cls_token", "mask_token"};
constexpr const char* more_keys[] = {"additional_special_tokens", "extra_special_tokens"};

json object(const std::string& text) {
  json parsed = json::parse(text, nullptr, false);
  return parsed.is_object() ? std::move(parsed) : json::object();
}

bool flag_of(const json& e, std::string_view key, bool otherwise) {
  const auto at = e.is_object() ? e.find(key) : e.end();
  return e.is_object() && at != e.end() && at->is_boolean() ? at->get<bool>() : otherwise;
}

std::string text_of(const json& e, std::string_view key) {
  if (!e.is_object()) return {};
  const auto at = e.find(key);
  return at != e.end() && at->is_string() ? at->get<std::string>() : std::string();
}

// A token is a text or {"content": text}.
std::string content_of(const json& token) {
  return token.is_string() ? token.get<std::string>() : text_of(token, "content");
}

std::string family_of(std::string name) {
  std::ranges::transform(name, name.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const std::string_view end : {"fast", "tokenizer"})
    if (name.ends_with(end)) name.resize(name.size() - end.size());
  return name;
}

}  // namespace

FolderSettings::FolderSettings(const FolderTexts& texts)
    : settings_(object(texts.tokenizer_config)) {
  const json specials = object(texts.special_tokens_map);
  for (const auto& [key, value] : specials.items())
    if (!settings_.contains(key) || settings_[key].is_null()) settings_[key] = value;
  family_ = family_of(text_of(settings_, "tokenizer_class"));
  if (family_.empty() || family_ == "pretrained" || family_ == "tokenizersbackend")
    family_ = family_of(text_of(object(texts.config), "model_type"));

  if (const auto by_id = settings_.find("added_tokens_decoder");
      by_id != settings_.end() && by_id->is_object())
    for (const auto& [number, token] : by_id->items()) {
      int64_t id = -1;
      const auto end = number.data() + number.size();
      if (std::from_chars(number.data(), end, id).ptr != end || content_of(token).empty()) continue;
      read_added(content_of(token), token, false);
      added(content_of(token)).id = id;
    }
  for (const std::string_view key : token_keys)
    if (const auto e = settings_.find(key); e != settings_.end())
      if (const std::string content = content_of(*e); !content.empty())
        read_added(content, *e, true);
  for (const char* key : more_keys)
    if (const auto list = settings_.find(key); list != settings_.end() && list->is_array())
      for (const json& token : *list)
        if (const std::string content = content_of(token); !content.empty())
          read_added(content, token, true);
  const json added_ids = object(texts.added_tokens);
  for (const auto& [content, id] : added_ids.items()) {
    if (content.empty() || !id.is_number_integer()) continue;
    if (!added_at_.contains(content)) {
      added(content).special = false;
      added(content).normalized = true;
    }
    added(content).id = id.get<int64_t>();
  }
}

FolderSettings::Added& FolderSettings::added(std::string_view content) {
  const auto [at, is_new] = added_at_.try_emplace(std::string(content), added_.size());
  if (is_new) added_.push_back({.content = std::string(content)});
  return added_[at->second];
}

// What was read first counts, but for being special, which any file may say.
void FolderSettings::read_added(std::string_view content, const json& from, bool special) {
  const bool is_new = !added_at_.contains(content);
  Added& token = added(content);
  if (!is_new) {
    token.special |= special;
    return;
  }
  token.special = special || flag_of(from, "special", false);
  token.lstrip = flag_of(from, "lstrip", false);
  token.rstrip = flag_of(from, "rstrip", false);
  token.single_word = flag_of(from, "single_word", false);
  token.normalized = flag_of(from, "normalized", !token.special);
}

bool FolderSettings::flag(std::string_view key, bool otherwise) const {
  return flag_of(settings_, key, otherwise);
}
std::string FolderSettings::text(std::string_view key) const { return text_of(settings_, key); }

std::string FolderSettings::token(std::string_view key) const {
  const auto at = settings_.find(key);
  return at == settings_.end() ? std::string() : content_of(*at);
}

void FolderSettings::default_flag(std::string_view key, bool value) {
  if (const auto at = settings_.find(key); at == settings_.end() || at->is_null())
    settings_[std::string(key)] = value;
}

void FolderSettings::default_token(std::string_view key, std::string_view content) {
  if (settings_.contains(key) || content.empty()) return;   // null: there is none
  settings_[std::string(key)] = content;
  read_added(content, {}, true);
}

void FolderSettings::default_specials(const std::vector<std::string>& contents) {
  for (const std::string& content : contents) read_added(content, {}, true);
}

json FolderSettings::added_tokens(const std::function<int64_t(const std::string&)>& find,
                                  int64_t next) const {
  std::vector<Added> all = added_;
  for (Added& token : all)
    if (token.id < 0) token.id = find(token.content);
  for (const Added& token : all)
    next = std::max(next, std::min<int64_t>(token.id, max_vocabulary) + 1);
  for (Added& token : all)
    if (token.id < 0) token.id = next++;
  std::ranges::stable_sort(all, {}, &Added::id);
  json list = json::array();
  for (const Added& token : all)
    list.push_back({{"id", token.id},
                    {"content", token.content},
                    {"special", token.special},
                    {"lstrip", token.lstrip},
                    {"rstrip", token.rstrip},
                    {"single_word", token.single_word},
                    {"normalized", token.normalized}});
  return list;
}

std::string FolderSettings::merged() const { return settings_.dump(); }

}  // namespace strata::model::tokenizer
