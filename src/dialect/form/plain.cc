// A bare JSON array: for models whose template knows no tools, and xLAM.
#include "dialect/form.h"

namespace strata::dialect {

static const Registry<Form> registered{
    Form{.name = "json", .aliases = {"xlam", "generic"}, .bare = true, .list = true}};

}  // namespace strata::dialect
