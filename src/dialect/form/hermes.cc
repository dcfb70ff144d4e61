// JSON between tags: Hermes, Qwen 2.5 and 3, Granite 4, SmolLM3.
#include "dialect/form.h"

namespace strata::dialect {

static const Registry<Form> registered{Form{.name = "hermes",
                                            .aliases = {"qwen", "qwen25", "qwen3", "longcat"},
                                            .signs = {"<tool_call>"},
                                            .opens = {"<tool_call>"},
                                            .close = "</tool_call>",
                                            .section_each = true}};

}  // namespace strata::dialect
