#include "model/convert/conventions.h"
#include "model/convert/gguf_form.h"
#include "model/convert/rows.h"
#include "model/family.h"

namespace strata::model {

using graph::StoredTensor;

std::vector<StoredTensor> gguf_tensors(const Store& store, const Hyper& h) {
  const Family* family = find_family(h.arch);
  const bool pairs = family && family->interleaved_in_gguf;
  std::vector<StoredTensor> out;
  for (size_t i = 0; i < store.tensors().size(); ++i) {
    const StoredTensor& t = store.tensors()[i];
    // A head beside the embedding that it is tied to, and what no row of the names knows.
    if (t.name == store.file_name(i)) continue;
    if (h.norm_offset != 0 && is_gain(t))
      out.push_back(with_added(t, h.norm_offset));
    else if (h.transposed && is_layer_matrix(t))
      out.push_back(transposed(t));
    else if (h.position_offset > 0 && t.name == "position_embd.weight")
      out.push_back(without_rows(t, h.position_offset));
    else if (auto order = row_order(t, h, pairs))
      out.push_back(with_rows(t, std::move(*order)));
    else
      out.push_back(t);
  }
  return out;
}

}  // namespace strata::model
