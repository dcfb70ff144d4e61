#include "model/tokenizer/files.h"

#include <algorithm>
#include <filesystem>
#include <span>

#include "model/tokenizer/folder_settings.h"
#include "model/tokenizer/sentencepiece.h"
#include "model/tokenizer/tiktoken.h"
#include "model/tokenizer/vocab_files.h"

namespace strata::model::tokenizer {
namespace {

namespace fs = std::filesystem;

constexpr size_t max_rank_files = 64;

FolderTexts folder_texts(const Store& store) {
  return {.tokenizer_config = store.side_file("tokenizer_config.json"),
          .special_tokens_map = store.side_file("special_tokens_map.json"),
          .added_tokens = store.side_file("added_tokens.json"),
          .config = store.side_file("config.json")};
}

std::string of_model_file(const std::string& content, FolderSettings& settings,
                          const std::string& where) {
  if (looks_like_tiktoken(content))
    return tiktoken_json(parse_tiktoken(content, where), settings, where);
  const std::span bytes(reinterpret_cast<const uint8_t*>(content.data()), content.size());
  return sentencepiece_json(parse_sentencepiece(bytes, where), settings);
}

}  // namespace

std::vector<std::string> rank_files(const Store& store) {
  std::vector<std::string> names;
  if (store.format() != "hf") return names;
  std::error_code ignored;
  const fs::path path(store.path());
  const fs::path folder = fs::is_directory(path, ignored) ? path : path.parent_path();
  for (const auto& file : fs::directory_iterator(folder.empty() ? "." : folder, ignored))
    if (std::string name = file.path().filename().string();
        name.ends_with(".tiktoken") && names.size() < max_rank_files)
      names.push_back(std::move(name));
  std::sort(names.begin(), names.end());
  return names;
}

std::string tokenizer_file(const Store& store) {
  std::vector<std::string> names = {"tokenizer.json", "tokenizer.model"};
  for (std::string& name : rank_files(store)) names.push_back(std::move(name));
  for (const char* name : {"tiktoken.model", "vocab.json", "vocab.txt"}) names.emplace_back(name);
  for (const std::string& name : names) {
    if (store.side_file(name).empty()) continue;
    if (name == "vocab.json" && store.side_file("merges.txt").empty()) continue;
    return name;
  }
  return {};
}

TokenizerTexts tokenizer_texts(const Store& store) {
  const std::string name = tokenizer_file(store);
  if (name.empty()) return {};
  std::string content = store.side_file(name);
  if (name == "tokenizer.json")
    return {std::move(content), store.side_file("tokenizer_config.json")};
  FolderSettings settings(folder_texts(store));
  const std::string where = store.path() + "/" + name;
  TokenizerTexts texts;
  if (name == "vocab.json")
    texts.tokenizer = merges_json(content, store.side_file("merges.txt"), settings);
  else if (name == "vocab.txt") texts.tokenizer = wordpiece_json(content, settings);
  else texts.tokenizer = of_model_file(content, settings, where);
  texts.settings = settings.merged();
  return texts;
}

std::string published_json(const Store& store) {
  const std::string name = tokenizer_file(store);
  if (name == "tokenizer.model" && !looks_like_tiktoken(store.side_file(name))) return {};
  return tokenizer_texts(store).tokenizer;
}

}  // namespace strata::model::tokenizer
