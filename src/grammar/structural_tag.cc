#include "grammar/structural_tag.h"

#include <fmt/format.h>

#include "base/error.h"

namespace strata::grammar {
namespace {

constexpr size_t kTagsMax = 1024;
constexpr int kDepthMax = 32;

[[noreturn]] void refuse(const std::string& path, std::string_view what) {
  fail(Code::invalid_argument, "structural_tag: '{}' {}", path, what);
}

const Json& member(const Json& object, const char* name, const std::string& path) {
  if (!object.is_object()) refuse(path, "must be an object");
  const auto found = object.find(name);
  if (found == object.end()) refuse(path + "." + name, "is required");
  return *found;
}

std::string text(const Json& object, const char* name, const std::string& path) {
  const Json& value = member(object, name, path);
  if (!value.is_string()) refuse(path + "." + name, "must be a string");
  return value.get<std::string>();
}

const Json& list(const Json& object, const char* name, const std::string& path) {
  const Json& value = member(object, name, path);
  if (!value.is_array() || value.empty() || value.size() > kTagsMax)
    refuse(path + "." + name, fmt::format("must be an array of 1 to {} elements", kTagsMax));
  return value;
}

bool flag(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && *found == true;
}

class FormatWriter {
 public:
  FormatWriter(LarkWriter& writer, const JsonStyle& style) : writer_(writer), style_(style) {}

  std::string write(const Json& format, const std::string& path, int depth = 0) {
    if (depth > kDepthMax) refuse(path, "is nested too deeply");
    const std::string type = text(format, "type", path);
    if (type == "const_string") return writer_.marker(text(format, "value", path));
    if (type == "json_schema") return writer_.json(member(format, "json_schema", path), style_);
    if (type == "regex") return writer_.regex(text(format, "pattern", path));
    if (type == "grammar") return nested(text(format, "grammar", path));
    if (type == "any_text") return writer_.any_text();
    if (type == "sequence") return join(format, path, depth, " ");
    if (type == "or") return "(" + join(format, path, depth, " | ") + ")";
    if (type == "tag") {
      const Tag t = tag(format, path, depth);
      return whole(t);
    }
    if (type == "triggered_tags") return triggered(format, path, depth);
    if (type == "tags_with_separator") return separated(format, path, depth);
    refuse(path + ".type",
           fmt::format("has the value \"{}\", which is not supported", type.substr(0, 40)));
  }

 private:
  std::string nested(const std::string& grammar) {
    return writer_.rule("%lark {\n" + grammar_source(grammar).text + "\n}");
  }

  std::string join(const Json& format, const std::string& path, int depth,
                   std::string_view between) {
    std::string out;
    const Json& elements = list(format, "elements", path);
    for (size_t i = 0; i < elements.size(); ++i) {
      if (i > 0) out += between;
      out += write(elements[i], fmt::format("{}.elements[{}]", path, i), depth + 1);
    }
    return out;
  }

  Tag tag(const Json& format, const std::string& path, int depth) {
    Tag t{text(format, "begin", path), {}, text(format, "end", path)};
    const Json& content = member(format, "content", path);
    // Free text within a tag ends where the tag does.
    if (content.is_object() && content.value("type", Json()) == "any_text" && !t.end.empty()) {
      t.content = writer_.text_until(t.end);
      t.end.clear();
    } else {
      t.content = write(content, path + ".content", depth + 1);
    }
    return t;
  }

  std::string whole(const Tag& t) {
    return "(" + writer_.marker(t.begin) + " " + t.content +
           (t.end.empty() ? std::string() : " " + writer_.marker(t.end)) + ")";
  }

  std::vector<Tag> tags(const Json& format, const std::string& path, int depth) {
    std::vector<Tag> out;
    const Json& given = list(format, "tags", path);
    for (size_t i = 0; i < given.size(); ++i)
      out.push_back(tag(given[i], fmt::format("{}.tags[{}]", path, i), depth + 1));
    return out;
  }

  std::string triggered(const Json& format, const std::string& path, int depth) {
    std::vector<std::string> triggers;
    for (const Json& t : list(format, "triggers", path)) {
      if (!t.is_string() || t.get_ref<const std::string&>().empty())
        refuse(path + ".triggers", "must hold strings that are not empty");
      triggers.push_back(t.get<std::string>());
    }
    return triggered_tags(writer_, tags(format, path, depth), triggers,
                          {flag(format, "at_least_one"), flag(format, "stop_after_first")});
  }

  std::string separated(const Json& format, const std::string& path, int depth) {
    const std::string between = writer_.marker(text(format, "separator", path));
    std::string one;
    for (const Tag& t : tags(format, path, depth)) one += (one.empty() ? "" : " | ") + whole(t);
    one = writer_.rule(one);
    const std::string all =
        flag(format, "stop_after_first") ? one : fmt::format("{} ({} {})*", one, between, one);
    return flag(format, "at_least_one") ? all : "(" + all + ")?";
  }

  LarkWriter& writer_;
  const JsonStyle& style_;
};

/// The older form as the newer one.
Json newer_form(const Json& tag) {
  Json tags = Json::array();
  const Json& structures = list(tag, "structures", "structural_tag");
  for (const Json& s : structures)
    tags.push_back({{"begin", member(s, "begin", "structures[]")},
                    {"content",
                     {{"type", "json_schema"},
                      {"json_schema", s.contains("schema") ? s["schema"] : Json::object()}}},
                    {"end", member(s, "end", "structures[]")}});
  return {{"type", "triggered_tags"},
          {"triggers", member(tag, "triggers", "structural_tag")},
          {"tags", std::move(tags)}};
}

}  // namespace

std::string triggered_tags(LarkWriter& writer, const std::vector<Tag>& tags,
                           const std::vector<std::string>& triggers, const TagOptions& options) {
  std::string any;
  std::vector<bool> used(tags.size());
  for (const std::string& trigger : triggers) {
    std::string rest;
    for (size_t i = 0; i < tags.size(); ++i) {
      if (used[i] || !tags[i].begin.starts_with(trigger)) continue;
      used[i] = true;
      const std::string_view more = std::string_view(tags[i].begin).substr(trigger.size());
      rest += (rest.empty() ? "" : " | ") +
              (more.empty() ? std::string() : writer.marker(more) + " ") + tags[i].content +
              (tags[i].end.empty() ? std::string() : " " + writer.marker(tags[i].end));
    }
    if (rest.empty()) continue;
    any += (any.empty() ? "" : " | ") +
           writer.rule(fmt::format("{} ({})", writer.text_until(trigger), rest));
  }
  for (size_t i = 0; i < tags.size(); ++i)
    if (!used[i])
      fail(Code::invalid_argument, "structural_tag: the tag {} begins with none of the triggers",
           lark_literal(tags[i].begin));
  const std::string one = writer.rule(any);
  const std::string all = options.stop_after_first ? one + (options.at_least_one ? "" : "?")
                                                   : one + (options.at_least_one ? "+" : "*");
  if (options.stop_after_first && options.at_least_one) return all;
  return all + " " + writer.text_without(triggers);
}

Source structural_tag_source(const Json& tag, const model::Tokenizer& tokenizer,
                             const JsonStyle& style) {
  if (!tag.is_object()) refuse("structural_tag", "must be an object");
  LarkWriter writer(&tokenizer);
  const Json format = tag.contains("format") ? tag["format"] : newer_form(tag);
  const std::string start = FormatWriter(writer, style).write(format, "format");
  return writer.finish(start);
}

}  // namespace strata::grammar
