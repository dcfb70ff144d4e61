// Python calls in a list: Llama 3.2 and 4, Olmo 3, LFM 2.
#include "dialect/form.h"

namespace strata::dialect {

static const Registry<Form> pythonic{Form{.name = "pythonic",
                                          .aliases = {"llama4_pythonic"},
                                          .signs = {"<|python_start|>"},
                                          .opens = {"<|python_start|>"},
                                          .close = "<|python_end|>",
                                          .bare = true,
                                          .head = Form::Head::python}};

static const Registry<Form> lfm{Form{.name = "lfm2",
                                     .signs = {"<|tool_call_start|>"},
                                     .opens = {"<|tool_call_start|>"},
                                     .close = "<|tool_call_end|>",
                                     .head = Form::Head::python}};

static const Registry<Form> olmo{Form{.name = "olmo3",
                                      .signs = {"<function_calls>"},
                                      .opens = {"<function_calls>"},
                                      .close = "</function_calls>",
                                      .head = Form::Head::python}};

static const Registry<Form> tool_code{Form{.name = "gemma_tool_code",
                                           .signs = {"```tool_code"},
                                           .opens = {"```tool_code"},
                                           .close = "```",
                                           .head = Form::Head::python}};

}  // namespace strata::dialect
