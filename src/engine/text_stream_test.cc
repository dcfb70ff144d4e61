#include "engine/text_stream.h"

#include <gtest/gtest.h>

#include <random>

namespace strata::engine {
namespace {

/// Every token is a given byte string; those in angle brackets are special.
class FakeTokenizer : public model::Tokenizer {
 public:
  explicit FakeTokenizer(std::vector<std::string> pieces) : pieces_(std::move(pieces)) {}
  std::vector<model::Token> encode(std::string_view, const EncodeOptions&) const override {
    return {};
  }
  std::string bytes(model::Token id, bool first) const override {
    const std::string& s = pieces_[id];
    return first && s.starts_with(' ') ? s.substr(1) : s;
  }
  std::string decode(std::span<const model::Token>, bool) const override { return {}; }
  int size() const override { return static_cast<int>(pieces_.size()); }
  std::string_view piece(model::Token id) const override { return pieces_[id]; }
  bool is_special(model::Token id) const override { return pieces_[id].starts_with('<'); }
  model::Token find(std::string_view) const override { return -1; }

 private:
  std::vector<std::string> pieces_;
};

struct Result {
  std::vector<std::string> parts;
  std::string text, stop;
  bool stopped = false;
};

Result play(std::vector<std::string> pieces, std::vector<std::string> stops,
            bool skip_special = true, bool include_stop = false) {
  FakeTokenizer tokenizer(pieces);
  TextStream stream(tokenizer, stops, skip_special, include_stop);
  Result r;
  for (int i = 0; i < tokenizer.size(); ++i) {
    auto piece = stream.push(i);
    r.parts.push_back(piece.text);
    r.text += piece.text;
    if (piece.stopped) {
      r.stopped = true;
      r.stop = piece.stop;
    }
  }
  r.parts.push_back(stream.flush());
  r.text += r.parts.back();
  return r;
}

TEST(TextStream, EmitsEachTokenAtOnce) {
  Result r = play({" Hello", " world", "!"}, {});
  EXPECT_EQ(r.parts, (std::vector<std::string>{"Hello", " world", "!", ""}));
}

TEST(TextStream, HoldsBackHalfACharacter) {
  Result r = play({"a\xF0\x9F", "\x98", "\x80z"}, {});
  EXPECT_EQ(r.parts, (std::vector<std::string>{"a", "", "\xF0\x9F\x98\x80z", ""}));
}

TEST(TextStream, FlushReplacesAnIncompleteCharacter) {
  Result r = play({"a\xE2\x82"}, {});
  EXPECT_EQ(r.parts, (std::vector<std::string>{"a", "\xEF\xBF\xBD"}));
}

TEST(TextStream, ReplacesIllFormedBytesLikeTheUnicodeStandard) {
  const std::string x = "\xEF\xBF\xBD";
  // Unicode 15, table 3-8: three maximal parts, then single bytes.
  EXPECT_EQ(play({"a\xF1\x80\x80\xE1\x80\xC2" "b\x80" "c\x80\xBF" "d"}, {}).text,
            "a" + x + x + x + "b" + x + "c" + x + x + "d");
  EXPECT_EQ(play({"\xC0\xAF"}, {}).text, x + x);                 // overlong
  EXPECT_EQ(play({"\xED\xA0\x80"}, {}).text, x + x + x);         // surrogate
  EXPECT_EQ(play({"\xF4\x90\x80\x80"}, {}).text, x + x + x + x); // past U+10FFFF
}

TEST(TextStream, StopStringAcrossTokens) {
  Result r = play({"one ", "##", "# two"}, {"###"});
  EXPECT_EQ(r.text, "one ");
  EXPECT_TRUE(r.stopped);
  EXPECT_EQ(r.stop, "###");
  EXPECT_EQ(r.parts[1], "");
}

TEST(TextStream, StopStringInsideOneToken) {
  EXPECT_EQ(play({"ab\n\ncd", "ef"}, {"\n\n"}).text, "ab");
}

TEST(TextStream, IncludesTheStopStringIfAsked) {
  EXPECT_EQ(play({"one ", "##", "# two"}, {"###"}, true, true).text, "one ###");
}

TEST(TextStream, ReleasesAStartThatCameToNothing) {
  Result r = play({"a#", "#", "b"}, {"###"});
  EXPECT_FALSE(r.stopped);
  EXPECT_EQ(r.parts, (std::vector<std::string>{"a", "", "##b", ""}));
}

TEST(TextStream, PartialMatchesOverlap) {
  // "aab" completes although its first try began one byte too early.
  EXPECT_EQ(play({"a", "a", "a", "b", "x"}, {"aab"}).text, "a");
  EXPECT_EQ(play({"abab", "ac", "x"}, {"ababac"}).text, "");
  EXPECT_EQ(play({"ab", "ab", "abac", "x"}, {"ababac"}).text, "ab");
}

TEST(TextStream, TheStopThatBeginsFirstWins) {
  Result r = play({"x", "END STOP"}, {"STOP", "END"});
  EXPECT_EQ(r.stop, "END");
  EXPECT_EQ(r.text, "x");
}

TEST(TextStream, StopInTheMiddleOfMultibyteText) {
  EXPECT_EQ(play({"\xE4\xBD", "\xA0\xE5", "\xA5\xBD!"}, {"\xE5\xA5\xBD"}).text, "\xE4\xBD\xA0");
}

TEST(TextStream, SpecialTokensAreLeftOutUnlessWanted) {
  EXPECT_EQ(play({"<s>", " Hi", "<end>"}, {}).text, "Hi");
  EXPECT_EQ(play({"<s>", " Hi", "<end>"}, {}, false).text, "<s> Hi<end>");
}

TEST(TextStream, EmptyStopStringsAreIgnored) { EXPECT_EQ(play({"ab"}, {""}).text, "ab"); }

TEST(TextStream, NothingComesAfterAStop) {
  Result r = play({"a!", "b", "c"}, {"!"});
  EXPECT_EQ(r.text, "a");
}

/// However a text is cut into tokens, the stream says the same.
TEST(TextStream, CuttingDoesNotMatter) {
  std::mt19937 random(7);
  for (int round = 0; round < 3000; ++round) {
    const std::vector<std::string> letters = {"a", "b", "\xC3\xA9", "\xE2\x82\xAC", "\xFF"};
    std::string text;
    for (int i = 0; i < 24; ++i) text += letters[random() % letters.size()];
    // One stop only: which of two completes first may depend on the cut where they overlap.
    std::vector<std::string> stops = {text.substr(random() % text.size(), 1 + random() % 4)};
    std::vector<std::string> pieces;
    for (size_t at = 0; at < text.size();) {
      size_t n = 1 + random() % 5;
      pieces.push_back(text.substr(at, n));
      at += n;
    }
    std::vector<std::string> bytes;
    for (char c : text) bytes.emplace_back(1, c);
    EXPECT_EQ(play(pieces, stops).text, play(bytes, stops).text);
    size_t at = text.find(stops[0]);
    EXPECT_EQ(play(bytes, stops).text, play({text.substr(0, at)}, {}).text);
  }
}

}  // namespace
}  // namespace strata::engine
