// config.json of a Hugging Face folder, with typed access.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace strata::model {

inline constexpr size_t kHfConfigBytesMax = 4 << 20;

/// One JSON object. A value of another kind than asked for is data_loss naming the key; null counts
/// as absent except in is_null.
class HfConfig {
 public:
  /// Of a multi-modal model this is its language part (text_config).
  /// Errors: data_loss with `where` and the place of the mistake; too_large.
  HfConfig(std::string_view json, std::string where);

  std::optional<int64_t> integer(std::string_view key) const;
  std::optional<double> real(std::string_view key) const;
  std::optional<bool> boolean(std::string_view key) const;
  std::optional<std::string> text(std::string_view key) const;
  std::optional<std::vector<std::string>> texts(std::string_view key) const;
  /// Infinity may be written as Python writes it, or as {"__float__": "Infinity"}.
  std::optional<std::vector<double>> reals(std::string_view key) const;
  std::optional<HfConfig> object(std::string_view key) const;
  bool has(std::string_view key) const;   // and is not null
  bool is_null(std::string_view key) const;
  /// The key holds an object; a string; an array.
  bool is_object(std::string_view key) const;
  bool is_text(std::string_view key) const;
  bool is_array(std::string_view key) const;
  /// Text or boolean of the language part, else of the whole (model_type, tie_word_embeddings).
  std::string model_type() const;
  std::optional<bool> tied() const;
  const std::string& where() const;

 private:
  struct Impl;
  explicit HfConfig(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

}  // namespace strata::model
