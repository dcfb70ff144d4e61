// Structural tags: free text in which some parts are constrained.
#pragma once
#include "grammar/json.h"
#include "grammar/lark.h"

namespace strata::grammar {

/// `tag`: {"structures": [{begin, schema, end}], "triggers": [...]}, or {"format": F}, where F has
/// a "type": const_string, json_schema, regex, grammar, any_text, sequence, or, tag,
/// triggered_tags or tags_with_separator.
/// Errors: invalid_argument naming the member.
Source structural_tag_source(const Json& tag, const model::Tokenizer& tokenizer,
                             const JsonStyle& style);

/// Free text with tags in it: where a trigger appears, one of the tags that begin with it follows.
struct Tag {
  std::string begin, content, end;  // `content` is an expression of `writer`
};
struct TagOptions {
  bool at_least_one = false;  // the text may not end before a tag
  bool stop_after_first = false;
};
/// Errors: invalid_argument if a tag begins with none of the triggers.
std::string triggered_tags(LarkWriter& writer, const std::vector<Tag>& tags,
                           const std::vector<std::string>& triggers, const TagOptions& options);

}  // namespace strata::grammar
