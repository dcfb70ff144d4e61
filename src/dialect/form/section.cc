// JSON between tokens with the name apart: DeepSeek 3 and 3.1, Kimi K2, Functionary 3.1.
#include "dialect/form.h"

namespace strata::dialect {

static const Registry<Form> v3{Form{.name = "deepseek_v3",
                                    .signs = {"<｜tool▁calls▁begin｜>", "```json"},
                                    .opens = {"<｜tool▁calls▁begin｜>"},
                                    .close = "<｜tool▁calls▁end｜>",
                                    .head = Form::Head::named,
                                    .call_opens = {"<｜tool▁call▁begin｜>function<｜tool▁sep｜>"},
                                    .name_ends = {"\n```json\n"},
                                    .call_close = "\n```<｜tool▁call▁end｜>",
                                    .separator = "\n"}};

static const Registry<Form> v31{Form{.name = "deepseek_v31",
                                     .signs = {"<｜tool▁calls▁begin｜>"},
                                     .opens = {"<｜tool▁calls▁begin｜>"},
                                     .close = "<｜tool▁calls▁end｜>",
                                     .head = Form::Head::named,
                                     .call_opens = {"<｜tool▁call▁begin｜>"},
                                     .name_ends = {"<｜tool▁sep｜>"},
                                     .call_close = "<｜tool▁call▁end｜>"}};

static const Registry<Form> kimi{Form{.name = "kimi_k2",
                                      .signs = {"<|tool_calls_section_begin|>"},
                                      .opens = {"<|tool_calls_section_begin|>"},
                                      .close = "<|tool_calls_section_end|>",
                                      .head = Form::Head::named,
                                      .call_opens = {"<|tool_call_begin|>"},
                                      .name_ends = {"<|tool_call_argument_begin|>"},
                                      .call_close = "<|tool_call_end|>",
                                      .name_prefix = "functions.",
                                      .numbered = true}};

static const Registry<Form> functionary{Form{.name = "functionary",
                                             .signs = {"<function="},
                                             .head = Form::Head::named,
                                             .call_opens = {"<function="},
                                             .name_ends = {">"},
                                             .call_close = "</function>"}};

}  // namespace strata::dialect
