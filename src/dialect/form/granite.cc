// JSON after a token: Granite 3, Phi 4 mini, Jamba, Apriel, Command R7B,
// GigaChat 3.1, Nemotron Nano.
#include "dialect/form.h"

namespace strata::dialect {

static const Registry<Form> granite{Form{.name = "granite",
                                         .aliases = {"granite-20b-fc"},
                                         .signs = {"<|tool_call|>"},
                                         .opens = {"<|tool_call|>", "<tool_call>"},
                                         .list = true}};

static const Registry<Form> phi{
    Form{.name = "phi4_mini_json", .opens = {"functools"}, .list = true}};

static const Registry<Form> jamba{Form{.name = "jamba",
                                       .signs = {"<tool_calls>"},
                                       .opens = {"<tool_calls>"},
                                       .close = "</tool_calls>",
                                       .list = true}};

static const Registry<Form> cohere{Form{.name = "cohere",
                                        .aliases = {"cohere_command3"},
                                        .signs = {"<|START_ACTION|>"},
                                        .opens = {"<|START_ACTION|>"},
                                        .close = "<|END_ACTION|>",
                                        .name_key = "tool_name",
                                        .arguments_key = "parameters",
                                        .list = true}};

static const Registry<Form> gigachat{Form{.name = "gigachat31",
                                          .aliases = {"gigachat3"},
                                          .signs = {"<|function_call|>"},
                                          .opens = {"<|function_call|>"}}};

static const Registry<Form> nemotron{Form{.name = "nemotron_json",
                                          .signs = {"<TOOLCALL>"},
                                          .opens = {"<TOOLCALL>"},
                                          .close = "</TOOLCALL>",
                                          .list = true}};

}  // namespace strata::dialect
