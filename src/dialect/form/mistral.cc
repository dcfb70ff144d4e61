// JSON after a token: Mistral, as an array up to version 7 of its tokenizer, by name from 11 on.
#include "dialect/form.h"

namespace strata::dialect {

static const Registry<Form> by_name{Form{.name = "mistral_v11",
                                         .signs = {"[TOOL_CALLS]", "[ARGS]"},
                                         .head = Form::Head::named,
                                         .call_opens = {"[TOOL_CALLS]"},
                                         .name_ends = {"[ARGS]", "{"}}};

static const Registry<Form> as_list{
    Form{.name = "mistral", .signs = {"[TOOL_CALLS]"}, .opens = {"[TOOL_CALLS]"}, .list = true}};

}  // namespace strata::dialect
