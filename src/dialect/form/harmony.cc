// Channels of gpt-oss: header, message, end.
#include "dialect/form.h"

namespace strata::dialect {

static const Registry<Form> registered{Form{.name = "openai",
                                            .aliases = {"gptoss", "openai_gptoss", "harmony"},
                                            .signs = {"<|channel|>", "<|message|>", "analysis"},
                                            .head = Form::Head::harmony,
                                            .name_prefix = "functions."}};

}  // namespace strata::dialect
