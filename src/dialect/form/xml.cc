// Parameters in XML: Qwen3-Coder, Seed-OSS, GLM 4.5 and later, MiniMax M2, DeepSeek 3.2 and 4.
#include "dialect/form.h"

namespace strata::dialect {

static const Registry<Form> qwen{Form{.name = "qwen3_coder",
                                      .aliases = {"qwen3_xml", "step3p5", "nemotron_v3"},
                                      .signs = {"<tool_call>", "<function="},
                                      .opens = {"<tool_call>"},
                                      .close = "</tool_call>",
                                      .section_each = true,
                                      .head = Form::Head::named,
                                      .call_opens = {"<function="},
                                      .name_ends = {">"},
                                      .call_close = "</function>",
                                      .arguments = Form::Arguments::pairs,
                                      .key_open = "<parameter=",
                                      .key_end = ">",
                                      .value_end = "</parameter>"}};

static const Registry<Form> seed{Form{.name = "seed_oss",
                                      .signs = {"<seed:tool_call>"},
                                      .opens = {"<seed:tool_call>"},
                                      .close = "</seed:tool_call>",
                                      .section_each = true,
                                      .head = Form::Head::named,
                                      .call_opens = {"<function="},
                                      .name_ends = {">"},
                                      .call_close = "</function>",
                                      .arguments = Form::Arguments::pairs,
                                      .key_open = "<parameter=",
                                      .key_end = ">",
                                      .value_end = "</parameter>"}};

static const Registry<Form> glm{Form{.name = "glm45",
                                     .aliases = {"glm47"},
                                     .signs = {"<tool_call>", "<arg_key>"},
                                     .opens = {"<tool_call>"},
                                     .close = "</tool_call>",
                                     .section_each = true,
                                     .head = Form::Head::named,
                                     .name_ends = {"\n", "<arg_key>", "</tool_call>"},
                                     .arguments = Form::Arguments::pairs,
                                     .key_open = "<arg_key>",
                                     .key_end = "</arg_key>",
                                     .value_open = "<arg_value>",
                                     .value_end = "</arg_value>"}};

static const Registry<Form> minimax{Form{.name = "minimax_m2",
                                         .signs = {"<minimax:tool_call>"},
                                         .opens = {"<minimax:tool_call>"},
                                         .close = "</minimax:tool_call>",
                                         .head = Form::Head::named,
                                         .call_opens = {"<invoke name=\""},
                                         .name_ends = {"\">"},
                                         .call_close = "</invoke>",
                                         .arguments = Form::Arguments::pairs,
                                         .key_open = "<parameter name=\"",
                                         .key_end = "\">",
                                         .value_end = "</parameter>"}};

// The calls of DeepSeek 3.2 and 4 differ in the word for the section around them.
static Form deepseek_form(const char* name, const char* section, const char* open,
                          const char* close) {
  return {.name = name,
          .signs = {"｜DSML｜", section},
          .opens = {open},
          .close = close,
          .head = Form::Head::named,
          .call_opens = {"<｜DSML｜invoke name=\""},
          .name_ends = {"\">"},
          .call_close = "</｜DSML｜invoke>",
          .arguments = Form::Arguments::pairs,
          .key_open = "<｜DSML｜parameter name=\"",
          .key_end = "\" string=\"",
          .value_end = "</｜DSML｜parameter>",
          .string_sign = "true",
          .sign_end = "\">"};
}

static const Registry<Form> deepseek{deepseek_form(
    "deepseek_v32", "function_calls", "<｜DSML｜function_calls>", "</｜DSML｜function_calls>")};
static const Registry<Form> deepseek4{
    deepseek_form("deepseek_v4", "tool_calls", "<｜DSML｜tool_calls>", "</｜DSML｜tool_calls>")};

}  // namespace strata::dialect
