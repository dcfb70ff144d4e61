#include "kernel/quant/i4.h"

namespace strata::kernel::quant {
namespace {

const FormatFile file({{"I4_128", Type::i4_128, 1003, 1003, 128, sizeof(I4<128>), true},
                       i4_to_f32<128>, i4_from_f32<128>, i4_packing<128>()});

}  // namespace
}  // namespace strata::kernel::quant
