#include "main/config_file.h"

#include <toml++/toml.h>

#include <filesystem>
#include <functional>
#include <map>

#include "base/error.h"

namespace strata {
namespace {

[[noreturn]] void wrong(const std::string& file, const toml::node& at, const std::string& what) {
  fail(Code::invalid_argument, "{}:{}: {}", file, at.source().begin.line, what);
}

/// As the command line would have it.
std::string text_of(const std::string& file, const std::string& key, const toml::node& value) {
  if (const auto* text = value.as_string()) return text->get();
  if (const auto* integer = value.as_integer()) return fmt::format("{}", integer->get());
  if (const auto* number = value.as_floating_point()) return fmt::format("{}", number->get());
  if (const auto* flag = value.as_boolean()) return flag->get() ? "true" : "false";
  wrong(file, value, fmt::format("'{}' must be a text, a number or true or false", key));
}

std::vector<std::string> texts_of(const std::string& file, const std::string& key,
                                  const toml::node& value) {
  std::vector<std::string> texts;
  if (const auto* list = value.as_array()) {
    for (const toml::node& element : *list) texts.push_back(text_of(file, key, element));
  } else {
    texts.push_back(text_of(file, key, value));
  }
  return texts;
}

template <class T>
using Setters =
    std::map<std::string, std::function<void(T&, const std::string& key, const toml::node&)>>;

/// An array of tables, each read by the setters of its keys.
template <class T>
void read_tables(const std::string& file, const std::string& name, const toml::node& value,
                 const Setters<T>& setters, std::vector<T>& out) {
  const auto* list = value.as_array();
  if (!list) wrong(file, value, fmt::format("'{0}' must be tables: [[{0}]]", name));
  for (const toml::node& element : *list) {
    const auto* table = element.as_table();
    if (!table) wrong(file, element, fmt::format("'{0}' must be tables: [[{0}]]", name));
    T& entry = out.emplace_back();
    for (const auto& [key, member] : *table) {
      const auto setter = setters.find(std::string(key.str()));
      if (setter == setters.end())
        wrong(file, member, fmt::format("'{}' is not known in [[{}]]", key.str(), name));
      setter->second(entry, setter->first, member);
    }
  }
}

class Reader {
 public:
  explicit Reader(std::string file) : file_(std::move(file)) {}

  void read(CLI::App& command, ServingOptions& o) const {
    const toml::table table = parse();
    for (const auto& [key, value] : table) {
      const std::string name(key.str());
      if (name == "models" && is_tables(value)) read_models(value, o);
      else if (name == "keys") read_keys(value, o);
      else set_option(command, name, value);
    }
  }

 private:
  toml::table parse() const {
    if (!std::filesystem::exists(file_))
      fail(Code::not_found, "the configuration file '{}' does not exist", file_);
    try {
      return toml::parse_file(file_);
    } catch (const toml::parse_error& e) {
      fail(Code::invalid_argument, "{}:{}: {}", file_, e.source().begin.line, e.description());
    }
  }

  static bool is_tables(const toml::node& value) {
    const auto* list = value.as_array();
    return list && !list->empty() && list->front().is_table();
  }

  void set_option(CLI::App& command, const std::string& name, const toml::node& value) const {
    CLI::Option* option = command.get_option_no_throw(name == "models" ? name : "--" + name);
    if (!option || name == "config" || name == "check" || name == "help")
      wrong(file_, value, fmt::format("'{}' is not an option of strata serve", name));
    if (option->count() > 0) return;   // the command line comes first
    try {
      for (std::string& text : texts_of(file_, name, value)) option->add_result(std::move(text));
      option->run_callback();
    } catch (const CLI::Error& e) {
      wrong(file_, value, e.what());
    }
  }

  std::string text(const std::string& key, const toml::node& v) const {
    if (!v.is_string()) wrong(file_, v, fmt::format("'{}' must be a text", key));
    return text_of(file_, key, v);
  }
  int64_t integer(const std::string& key, const toml::node& v) const {
    const auto* n = v.as_integer();
    if (!n || n->get() < 0) wrong(file_, v, fmt::format("'{}' must be a whole number", key));
    return n->get();
  }
  bool flag(const std::string& key, const toml::node& v) const {
    if (!v.is_boolean()) wrong(file_, v, fmt::format("'{}' must be true or false", key));
    return v.as_boolean()->get();
  }

  void read_models(const toml::node& value, ServingOptions& o) const {
    using M = ModelEntry;
    const auto size = [this](const std::string& key, const toml::node& v) {
      std::string text = text_of(file_, key, v);
      const CLI::AsSizeValue convert(false);
      if (const std::string problem = convert(text); !problem.empty()) wrong(file_, v, problem);
      return static_cast<size_t>(std::stoull(text));
    };
    const Setters<M> setters = {
        {"name", [&](M& m, auto& k, auto& v) { m.name = text(k, v); }},
        {"model", [&](M& m, auto& k, auto& v) { m.model = text(k, v); }},
        {"aliases", [&](M& m, auto& k, auto& v) { m.aliases = texts_of(file_, k, v); }},
        {"pin", [&](M& m, auto& k, auto& v) { m.pin = flag(k, v); }},
        {"task", [&](M& m, auto& k, auto& v) { m.task = task(k, v); }},
        {"keep-alive", [&](M& m, auto& k, auto& v) { m.keep_alive_s = std::stod(
                                                         text_of(file_, k, v)); }},
        {"max-model-len", [&](M& m, auto& k, auto& v) {
           m.max_model_len = static_cast<int>(integer(k, v)); }},
        {"max-num-seqs", [&](M& m, auto& k, auto& v) {
           m.max_num_seqs = static_cast<int>(integer(k, v)); }},
        {"kv-cache-bytes", [&](M& m, auto& k, auto& v) { m.kv_bytes = size(k, v); }},
        {"kv-cache-dtype", [&](M& m, auto& k, auto& v) { m.kv_cache_dtype = text(k, v); }},
    };
    read_tables(file_, "models", value, setters, o.entries);
  }

  fleet::Task task(const std::string& key, const toml::node& v) const {
    const std::string name = text(key, v);
    if (name == "generate") return fleet::Task::generate;
    if (name == "embed") return fleet::Task::embed;
    wrong(file_, v, fmt::format("'{}' must be \"generate\" or \"embed\"", key));
  }

  void read_keys(const toml::node& value, ServingOptions& o) const {
    using K = serve::KeyOptions;
    const Setters<K> setters = {
        {"name", [&](K& k, auto& n, auto& v) { k.name = text(n, v); }},
        {"key", [&](K& k, auto& n, auto& v) { k.key = text(n, v); }},
        {"sha256", [&](K& k, auto& n, auto& v) { k.sha256 = text(n, v); }},
        {"role", [&](K& k, auto& n, auto& v) { k.role = role(n, v); }},
        {"requests-per-minute",
         [&](K& k, auto& n, auto& v) { k.requests_per_minute = integer(n, v); }},
        {"tokens-per-minute", [&](K& k, auto& n, auto& v) { k.tokens_per_minute = integer(n, v); }},
        {"tokens-per-day", [&](K& k, auto& n, auto& v) { k.tokens_per_day = integer(n, v); }},
    };
    read_tables(file_, "keys", value, setters, o.app.keys);
  }

  serve::Role role(const std::string& key, const toml::node& v) const {
    const std::string name = text(key, v);
    if (name == "admin") return serve::Role::admin;
    if (name != "user") wrong(file_, v, fmt::format("'{}' must be \"user\" or \"admin\"", key));
    return serve::Role::user;
  }

  const std::string file_;
};

}  // namespace

void read_config_file(const std::string& path, CLI::App& command, ServingOptions& options) {
  Reader(path).read(command, options);
}

}  // namespace strata
