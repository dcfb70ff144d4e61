#include "model/format/hf_mxfp4.h"

#include <algorithm>
#include <map>
#include <string>

#include "base/error.h"

namespace strata::model {
namespace {

constexpr std::string_view kBlocks = "_blocks", kScales = "_scales";
constexpr int64_t kBlock = 32, kBytes = kBlock / 2;

struct Pair {
  const uint8_t *codes, *scales;
  int64_t rows, blocks;   // of one expert; of a row
};

// Two codes a byte, neighbours together: our blocks have the first half in the low nibbles.
int code(const uint8_t* codes, int64_t i) { return codes[i / 2] >> (i % 2 * 4) & 15; }

void join_row(const Pair& p, int64_t row, uint8_t* out) {
  const uint8_t *codes = p.codes + row * p.blocks * kBytes, *scale = p.scales + row * p.blocks;
  for (int64_t b = 0; b < p.blocks; ++b, codes += kBytes) {
    *out++ = scale[b];
    for (int64_t i = 0; i < kBytes; ++i)
      *out++ = static_cast<uint8_t>(code(codes, i) | code(codes, i + kBytes) << 4);
  }
}

// Every `step`-th row of an expert, from `first` on.
FoundTensor joined(const Pair& p, std::string name, int64_t experts, int64_t first, int64_t step) {
  const int64_t rows = p.rows / step, cols = p.blocks * kBlock;
  FoundTensor found;
  graph::StoredTensor& t = found.tensor;
  t.name = std::move(name);
  t.type = kernel::Type::mxfp4;
  t.shape = {experts, rows, cols};
  t.bytes = kernel::row_bytes(t.type, cols) * experts * rows;
  t.make = [p, first, step, rows, row_bytes = kernel::row_bytes(t.type, cols)](
               int64_t begin, int64_t end, uint8_t* out) {
    for (int64_t r = begin; r < end; ++r, out += row_bytes)
      join_row(p, r / rows * p.rows + r % rows * step + first, out);
  };
  return found;
}

}  // namespace

void join_mxfp4(std::vector<FoundTensor>& tensors) {
  std::map<std::string, const FoundTensor*, std::less<>> scales;
  for (const FoundTensor& f : tensors)
    if (f.tensor.name.ends_with(kScales)) scales[f.tensor.name] = &f;
  std::vector<FoundTensor> kept;
  std::vector<std::string> used;
  for (const FoundTensor& f : tensors) {
    const std::string& name = f.tensor.name;
    if (!name.ends_with(kBlocks) || f.unsupported_type != "U8") continue;
    const std::string base = name.substr(0, name.size() - kBlocks.size());
    const auto it = scales.find(base + std::string(kScales));
    if (it == scales.end()) continue;
    const std::vector<int64_t>&b = f.tensor.shape, &s = it->second->tensor.shape;
    if (b.size() != 4 || b[3] != kBytes || s != std::vector<int64_t>(b.begin(), b.end() - 1) ||
        it->second->unsupported_type != "U8" || b[1] % 2 != 0)
      fail(Code::data_loss, "tensors '{}' and '{}' are not the codes and scales of one", name,
           it->first);
    const Pair pair{f.tensor.data, it->second->tensor.data, b[1], b[2]};
    constexpr std::string_view kFused = "gate_up_proj";
    if (base.ends_with(kFused)) {
      const std::string prefix = base.substr(0, base.size() - kFused.size());
      kept.push_back(joined(pair, prefix + "gate_proj", b[0], 0, 2));
      kept.push_back(joined(pair, prefix + "up_proj", b[0], 1, 2));
    } else {
      kept.push_back(joined(pair, base, b[0], 0, 1));
    }
    used.push_back(name);
    used.push_back(it->first);
  }
  if (kept.empty()) return;
  std::erase_if(tensors, [&](const FoundTensor& f) {
    return std::find(used.begin(), used.end(), f.tensor.name) != used.end();
  });
  tensors.insert(tensors.end(), std::make_move_iterator(kept.begin()),
                 std::make_move_iterator(kept.end()));
}

}  // namespace strata::model
