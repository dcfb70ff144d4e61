// Where a model comes from, as the user writes it.
#pragma once
#include <string>
#include <string_view>

namespace strata::model {

/// "PATH", "http(s)://HOST/FILE.gguf", "HUB:OWNER/NAME" or "HUB:OWNER/NAME:CHOICE", where CHOICE is
/// a file of the repository or a quantisation ("q4_k_m"); or a name of the catalogue, with or
/// without ":CHOICE".
struct PullSource {
  enum class Kind { local, url, hub };
  Kind kind = Kind::local;
  std::string location = {};   // path, or URL
  std::string hub = {};        // name of the hub: "hf", "ms"
  std::string owner = {}, name = {}, choice = {};
};

/// Text with a hub's prefix is a hub's, unless a file of that name exists.
/// Errors: invalid_argument with the forms that are understood.
PullSource parse_source(const std::string& text);

/// Letters, digits, '.', '-' and '_', not starting with '.': a name that is one path component on
/// every system.
bool is_plain_name(std::string_view name);
/// A relative path below a folder: no "..", no empty component, no backslash, no control character.
bool is_safe_path(std::string_view path);

}  // namespace strata::model
