#include "kernel/quant/i4.h"

namespace strata::kernel::quant {
namespace {

const FormatFile file({{"I4_64", Type::i4_64, 1002, 1002, 64, sizeof(I4<64>), true},
                       i4_to_f32<64>, i4_from_f32<64>, i4_packing<64>()});

}  // namespace
}  // namespace strata::kernel::quant
