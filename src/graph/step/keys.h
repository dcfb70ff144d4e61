// What happens to a head's query and key before attention: norm, rotary embedding, the way into the
// cache, and the frame that the codes of a quantised cache are taken in.
#pragma once
#include "graph/step.h"

namespace strata::graph {

/// Norm and rotary embedding of a token's query, in place.
void prepare_query(const Step& step, const Run& run, int64_t token, int head);
/// The same of its key, which goes to the cache with its value.
void store_key_value(const Step& step, const Run& run, int64_t token, int head);

/// Angles that carry the mean of keys to their block: those of its first position, times the mean
/// over a block, for token `row` of the batch.
void fill_block_angles(const RopeSpec& spec, RopeRows& rows, int position, int64_t row);
/// Makes room for them, of `tokens`.
void prepare_block_angles(const RopeSpec& spec, RopeRows& rows, int64_t tokens);

/// store_key_value of all tokens and heads, after Step::key_mean and key_unit were set to what
/// suits the keys of this batch.
void measure_keys(const Step& step, const Run& run);

}  // namespace strata::graph
