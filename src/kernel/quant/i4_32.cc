#include "kernel/quant/i4.h"

namespace strata::kernel::quant {
namespace {

const FormatFile file({{"I4_32", Type::i4_32, 1001, 1001, 32, sizeof(I4<32>), true},
                       i4_to_f32<32>, i4_from_f32<32>, i4_packing<32>()});

}  // namespace
}  // namespace strata::kernel::quant
