#include "kernel/quant/f8_block.h"

namespace strata::kernel::quant {
namespace {

const FormatFile file({{"F8_E4M3", Type::f8_e4m3, 1004, 1004, 64, sizeof(F8), false},
                       f8_to_f32<from_e4m3>, f8_from_f32<to_e4m3, kMaxE4m3>, f8_packing()});

}  // namespace
}  // namespace strata::kernel::quant
