// Instruction-set levels, and which one kernels use.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

namespace strata::kernel {

/// Within a processor family each level includes the ones before it.
enum class Isa : uint8_t { scalar, avx2, avx512, avx512_vnni, avx512_bf16, neon, neon_dot };

/// The level kernels use: the machine's best, or what the environment variable STRATA_ISA names.
/// Errors: invalid_argument with the levels of this machine when STRATA_ISA names none of them.
Isa isa_level();
/// Every level this machine can run, ascending.
const std::vector<Isa>& isa_available();
/// Sets the level (tests run every one). Errors: invalid_argument when the machine lacks it.
void isa_override(Isa level);
std::string_view isa_name(Isa level);
/// The level of that name. Errors: invalid_argument, as above.
Isa isa_from_name(std::string_view name);

}  // namespace strata::kernel
