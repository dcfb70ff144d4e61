#include "kernel/quant/f8_block.h"

namespace strata::kernel::quant {
namespace {

const FormatFile file({{"F8_E5M2", Type::f8_e5m2, 1005, 1005, 64, sizeof(F8), false},
                       f8_to_f32<from_e5m2>, f8_from_f32<to_e5m2, kMaxE5m2>, f8_packing()});

}  // namespace
}  // namespace strata::kernel::quant
