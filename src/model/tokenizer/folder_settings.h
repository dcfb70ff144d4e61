// What the small files beside a vocabulary say about it: its class, special and added tokens.
#pragma once
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace strata::model::tokenizer {

/// Contents of the files; each may be empty.
struct FolderTexts {
  std::string tokenizer_config = {};     // tokenizer_config.json
  std::string special_tokens_map = {};   // special_tokens_map.json
  std::string added_tokens = {};         // added_tokens.json
  std::string config = {};               // config.json, for model_type
};

class FolderSettings {
 public:
  /// A file that is no JSON object counts as absent: none of them is needed to tokenise.
  explicit FolderSettings(const FolderTexts& texts);

  /// tokenizer_class, else model_type, in lower case and without "Tokenizer" and "Fast":
  /// "llama", "chatglm4". Empty if no file says.
  const std::string& family() const { return family_; }
  bool is(std::string_view name) const { return family_.find(name) != family_.npos; }

  /// Members of tokenizer_config.json.
  bool flag(std::string_view key, bool otherwise) const;
  std::string text(std::string_view key) const;
  /// The text of a named token ("unk_token").
  std::string token(std::string_view key) const;

  /// What counts where no file says otherwise.
  void default_flag(std::string_view key, bool value);
  void default_token(std::string_view key, std::string_view content);   // "bos_token", "<s>"
  /// Special tokens beside the named ones, behind the vocabulary or in it.
  void default_specials(const std::vector<std::string>& contents);

  /// The list "added_tokens" of tokenizer.json: a token keeps the id that a file or `find` gives it
  /// (-1: none), else it takes the next one from `next` on.
  nlohmann::json added_tokens(const std::function<int64_t(const std::string&)>& find,
                              int64_t next) const;
  /// tokenizer_config.json with the other files and the defaults in it.
  std::string merged() const;

 private:
  struct Added {
    std::string content;
    int64_t id = -1;
    bool special = true, lstrip = false, rstrip = false, single_word = false, normalized = false;
  };
  void read_added(std::string_view content, const nlohmann::json& from, bool special);
  Added& added(std::string_view content);

  nlohmann::json settings_;
  std::vector<Added> added_;
  std::map<std::string, size_t, std::less<>> added_at_;
  std::string family_;
};

}  // namespace strata::model::tokenizer
