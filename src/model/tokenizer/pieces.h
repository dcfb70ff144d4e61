// A text cut into pieces, and the stages that cut it.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/tokenizer/regex.h"

namespace strata::model::tokenizer {

struct Range { size_t begin, end; };

/// Ranges of one text, ascending, disjoint, not empty. What lies between them is dropped.
class Pieces {
 public:
  /// `at_start`: `text` begins where the whole input begins.
  Pieces(std::string_view text, bool at_start) : text_(text), at_start_(at_start) {
    if (!text.empty()) ranges_.push_back({0, text.size()});
  }
  Pieces(const Pieces&) = delete;

  const std::vector<Range>& ranges() const { return ranges_; }
  std::string_view operator[](Range r) const { return text_.substr(r.begin, r.end - r.begin); }
  bool starts_input(Range r) const { return at_start_ && r.begin == 0; }

  void set_ranges(std::vector<Range> ranges) { ranges_ = std::move(ranges); }
  /// Every piece becomes f(piece, range); empty results are dropped.
  template <class F>
  void rewrite(F&& f) {
    std::string text;
    std::vector<Range> ranges;
    for (const Range r : ranges_) {
      const size_t begin = text.size();
      text += f((*this)[r], r);
      if (text.size() > begin) ranges.push_back({begin, text.size()});
    }
    own_ = std::move(text);
    text_ = own_;
    ranges_ = std::move(ranges);
  }

 private:
  std::string_view text_;
  std::string own_;
  std::vector<Range> ranges_;
  bool at_start_;
};

/// One stage of pre-tokenisation. Thread-safe.
class Stage {
 public:
  virtual ~Stage() = default;
  virtual void apply(Pieces& pieces) const = 0;
};
using Stages = std::vector<std::unique_ptr<Stage>>;

/// What becomes of the matches of a Split, as tokenizer.json names it.
enum class SplitBehaviour { removed, isolated, merged_with_previous, merged_with_next, contiguous };

/// Cuts every piece at the matches of `regex`; `invert`: at what lies between them.
std::unique_ptr<Stage> split_stage(Regex regex, SplitBehaviour behaviour, bool invert = false);
/// Puts a space before every piece that does not start with one.
std::unique_ptr<Stage> prefix_space_stage();
/// Replaces bytes by the characters of byte_map.h, for stages that expect to see those.
std::unique_ptr<Stage> map_bytes_stage();
/// Undoes map_bytes_stage.
std::unique_ptr<Stage> unmap_bytes_stage();

enum class Prepend { never, first, always };
/// Replaces spaces by `mark`, prepends one as `prepend` says, and cuts before each if `split`.
std::unique_ptr<Stage> metaspace_stage(std::string mark, Prepend prepend, bool split);

}  // namespace strata::model::tokenizer
