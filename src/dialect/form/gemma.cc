// Calls of Gemma 4 and FunctionGemma: braces with strings between tokens of their own.
#include "dialect/form.h"

namespace strata::dialect {

static const Registry<Form> gemma4{Form{.name = "gemma4",
                                        .signs = {"<|tool_call>call:"},
                                        .head = Form::Head::named,
                                        .call_opens = {"<|tool_call>call:"},
                                        .name_ends = {"{"},
                                        .call_close = "}<tool_call|>",
                                        .arguments = Form::Arguments::gemma,
                                        .quote = "<|\"|>"}};

static const Registry<Form> function_gemma{Form{.name = "functiongemma",
                                                .signs = {"<start_function_call>"},
                                                .head = Form::Head::named,
                                                .call_opens = {"<start_function_call>call:"},
                                                .name_ends = {"{"},
                                                .call_close = "}<end_function_call>",
                                                .arguments = Form::Arguments::gemma,
                                                .quote = "<escape>"}};

}  // namespace strata::dialect
