#include <cstring>

#include "model/convert/gguf_form.h"
#include "model/convert/rows.h"
#include "model/family.h"

namespace strata::model {
namespace {

using graph::StoredTensor;

bool is_gain(const StoredTensor& t) {
  return t.name.ends_with("norm.weight") && t.shape.size() == 1;
}

/// Heads whose rows are in another order, 0: the tensor's rows stay.
int heads_to_pair(const StoredTensor& t, const Hyper& h) {
  if (t.name.ends_with("attn_q.weight") || t.name.ends_with("attn_q.bias")) return h.n_head;
  if (t.name.ends_with("attn_k.weight") || t.name.ends_with("attn_k.bias")) return h.n_head_kv;
  return 0;
}

}  // namespace

std::vector<StoredTensor> gguf_tensors(const Store& store, const Hyper& h) {
  const Family* family = find_family(h.arch);
  const bool pairs = family && family->interleaved_in_gguf && !h.rope.interleaved;
  std::vector<StoredTensor> out;
  for (const StoredTensor& t : store.tensors()) {
    // A head beside the embedding that it is tied to, and what no row of the names knows.
    if (t.name == store.file_name(&t - store.tensors().data())) continue;
    if (h.norm_offset != 0 && is_gain(t)) out.push_back(with_added(t, h.norm_offset));
    else if (const int heads = pairs ? heads_to_pair(t, h) : 0)
      out.push_back(with_rows_paired(t, heads, h.rope.d));
    else out.push_back(t);
  }
  return out;
}

}  // namespace strata::model
