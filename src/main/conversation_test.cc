#include "main/conversation.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "model/testing/files.h"

namespace strata {
namespace {

const model::Model& chat_model() {
  static const auto model =
      model::load(model::testing::real_model("SmolLM2-135M-Instruct.Q4_1.gguf"));
  return *model;
}

std::string text(const std::vector<model::Token>& tokens) {
  return chat_model().tokenizer->decode(tokens, false);
}

TEST(Conversation, IsWrittenByTheModelsTemplate) {
  Conversation c(chat_model());
  c.set_system("Be brief.");
  c.add("user", "Hi");
  c.add("assistant", "Hello.");
  c.add("user", "Why?");
  EXPECT_EQ(text(c.prompt(1000).tokens),
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
            "<|im_start|>assistant\nHello.<|im_end|>\n<|im_start|>user\nWhy?<|im_end|>\n"
            "<|im_start|>assistant\n");
}

TEST(Conversation, ForgetsWholeTurnsFromTheOldest) {
  Conversation c(chat_model());
  c.set_system("Be brief.");
  for (int i = 0; i < 3; ++i) {
    c.add("user", "question " + std::to_string(i));
    c.add("assistant", "answer " + std::to_string(i));
  }
  c.add("user", "question 3");
  const int all = static_cast<int>(c.prompt(1000).tokens.size());
  const Conversation::Prompt p = c.prompt(all - 1);
  EXPECT_EQ(p.dropped, 2);
  EXPECT_LT(p.tokens.size(), static_cast<size_t>(all));
  EXPECT_EQ(c.messages().front().text, "question 1");
  EXPECT_NE(text(p.tokens).find("Be brief."), std::string::npos);
  const Conversation::Prompt last = c.prompt(40);
  EXPECT_LE(last.tokens.size(), 40u);
  EXPECT_EQ(c.messages().back().text, "question 3");
}

TEST(Conversation, KeepsAllWhenEvenTheLastMessageDoesNotFit) {
  Conversation c(chat_model());
  c.add("user", "first");
  c.add("assistant", "answer");
  c.add("user", "second");
  try {
    c.prompt(5);
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_EQ(e.reason(), "context_length_exceeded");
  }
  EXPECT_EQ(c.messages().size(), 3u);
}

TEST(Conversation, IllFormedTextIsNoError) {
  Conversation c(chat_model());
  c.add("user", "a\xff\xfe b");
  EXPECT_FALSE(c.prompt(1000).tokens.empty());
}

}  // namespace
}  // namespace strata
