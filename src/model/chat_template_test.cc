// Renders 70 published templates and compares with Python's jinja2 (tests/golden/chat_template).
#include "model/chat_template.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "model/testing/files.h"

namespace strata::model {
namespace {

using Json = nlohmann::ordered_json;
using testing::golden;
using testing::read_text;
using testing::real_model;
constexpr const char* kNow = "2026-01-02T03:04:05";

struct Outcome {
  std::string text;
  bool error = false;
};

Outcome render(const std::string& source, const Json& context) {
  try {
    return {ChatTemplate(source).render(context.dump(), kNow), false};
  } catch (const Error& e) {
    return {e.what(), true};
  }
}

TEST(ChatTemplate, PublishedTemplatesRenderAsInPython) {
  const std::filesystem::path folder = real_model("templates");
  ASSERT_TRUE(std::filesystem::exists(folder))
      << folder << " is missing: tools/fetch_models " << folder.parent_path()
      << " templates";
  const Json cases = Json::parse(read_text(golden("chat_template/cases.json")));
  // Templates and contexts where the outcome is known to differ, each with the reason.
  const Json known = Json::parse(read_text(golden("chat_template/known.json")));
  int same = 0, total = 0;
  for (const auto& [file, entry] : cases["templates"].items()) {
    const std::string source = read_text(real_model("templates/" + file));
    for (const auto& [name, expected] : entry["renders"].items()) {
      const Outcome got = render(source, cases["contexts"][name]);
      ++total;
      const bool equal = expected.contains("error") ? got.error
                                                    : !got.error && got.text == expected["text"];
      same += equal;
      const bool listed = known.contains(file) && known[file].contains(name);
      EXPECT_NE(equal, listed) << file << " / " << name << "\n got: " << got.text
                               << "\n expected: " << expected.dump();
    }
  }
  EXPECT_EQ(total, 770);
  RecordProperty("same", same);
}

TEST(ChatTemplate, SyntaxErrorNamesTheLine) {
  try {
    ChatTemplate t("a\n{% if %}");
    FAIL() << "compiled";
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("line 2"), std::string::npos) << e.what();
  }
}

TEST(ChatTemplate, RaiseExceptionIsTheErrorText) {
  const Outcome got = render("{{ raise_exception('roles must alternate') }}", Json::object());
  EXPECT_TRUE(got.error);
  EXPECT_NE(got.text.find("roles must alternate"), std::string::npos) << got.text;
}

TEST(ChatTemplate, EndlessLoopsAndOutputsEnd) {
  EXPECT_TRUE(render("{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}"
                     "{% endfor %}", Json::object()).error);
  EXPECT_TRUE(render("{% set ns = namespace(s='0123456789' * 1000) %}{% for i in range(99999) %}"
                     "{{ ns.s }}{% endfor %}", Json::object()).error);
}

TEST(ChatTemplate, ToJsonIsPythonsDumps) {
  const Json context = {{"x", {{"b", 1.0}, {"a", "<é\"\n>"}, {"n", nullptr}, {"l", {1, true}}}}};
  EXPECT_EQ(render("{{ x | tojson }}", context).text,
            R"({"b": 1.0, "a": "<é\"\n>", "n": null, "l": [1, true]})");
  EXPECT_EQ(render("{{ x.l | tojson(indent=2) }}", context).text, "[\n  1,\n  true\n]");
}

}  // namespace
}  // namespace strata::model
