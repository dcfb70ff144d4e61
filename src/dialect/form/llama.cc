// A bare JSON object: Llama 3.1 to 3.3, Llama 4 with JSON.
#include "dialect/form.h"

namespace strata::dialect {

static const Registry<Form> registered{Form{.name = "llama3_json",
                                            .aliases = {"llama4_json", "llama"},
                                            .signs = {"{\"name\": function name, \"parameters\": "},
                                            .opens = {"<|python_tag|>"},
                                            .bare = true,
                                            .arguments_key = "parameters",
                                            .separator = "; "}};

}  // namespace strata::dialect
