#include "model/tokenizer/pieces.h"

#include "model/tokenizer/byte_map.h"
#include "model/tokenizer/utf8.h"

namespace strata::model::tokenizer {
namespace {

struct Part { size_t begin, end; bool match; };

class SplitStage : public Stage {
 public:
  SplitStage(Regex regex, SplitBehaviour behaviour, bool invert)
      : regex_(std::move(regex)), behaviour_(behaviour), invert_(invert) {}

  void apply(Pieces& pieces) const override {
    std::vector<Range> out;
    out.reserve(pieces.ranges().size() * 2 + 16);
    std::vector<Part> parts;
    for (const Range r : pieces.ranges()) {
      const std::string_view text = pieces[r];
      if (behaviour_ == SplitBehaviour::isolated) {   // the usual one: no list in between
        size_t done = 0;
        const auto cut = [&](size_t end) {
          if (end > done) out.push_back({r.begin + done, r.begin + end}), done = end;
        };
        regex_.each(text, [&](size_t begin, size_t end) { cut(begin), cut(end); });
        cut(text.size());
        continue;
      }
      parts.clear();
      size_t done = 0;
      regex_.each(text, [&](size_t begin, size_t end) {
        if (begin > done) parts.push_back({done, begin, invert_});
        if (end > begin) parts.push_back({begin, end, !invert_});
        done = end;
      });
      if (text.size() > done) parts.push_back({done, text.size(), invert_});
      for (const Range part : merge(parts))
        out.push_back({r.begin + part.begin, r.begin + part.end});
    }
    pieces.set_ranges(std::move(out));
  }

 private:
  std::vector<Range> merge(const std::vector<Part>& parts) const {
    std::vector<Range> out;
    const size_t n = parts.size();
    for (size_t i = 0; i < n; ++i) {
      const Part& part = parts[i];
      const bool after_match = i > 0 && parts[i - 1].match;
      bool join = false;   // with the range before it
      switch (behaviour_) {
        case SplitBehaviour::removed:
          if (part.match) continue;
          break;
        case SplitBehaviour::isolated: break;
        case SplitBehaviour::contiguous: join = i > 0 && after_match == part.match; break;
        case SplitBehaviour::merged_with_previous:
          join = i > 0 && part.match && !after_match;
          break;
        case SplitBehaviour::merged_with_next: join = after_match && !part.match; break;
      }
      if (join && !out.empty()) out.back().end = part.end;
      else out.push_back({part.begin, part.end});
    }
    return out;
  }

  Regex regex_;
  SplitBehaviour behaviour_;
  bool invert_;
};

class PrefixSpaceStage : public Stage {
  void apply(Pieces& pieces) const override {
    pieces.rewrite([](std::string_view piece, Range) {
      return (piece.starts_with(' ') ? "" : " ") + std::string(piece);
    });
  }
};

class MapBytesStage : public Stage {
  void apply(Pieces& pieces) const override {
    pieces.rewrite([](std::string_view piece, Range) { return map_bytes(piece); });
  }
};

class UnmapBytesStage : public Stage {
  void apply(Pieces& pieces) const override {
    pieces.rewrite([](std::string_view piece, Range) { return unmap_bytes(piece); });
  }
};

class MetaspaceStage : public Stage {
 public:
  MetaspaceStage(std::string mark, Prepend prepend, bool split)
      : mark_(std::move(mark)), prepend_(prepend) {
    if (split)
      cut_ = split_stage(Regex(regex_literal(mark_)), SplitBehaviour::merged_with_next);
  }
  void apply(Pieces& pieces) const override {
    pieces.rewrite([&](std::string_view piece, Range r) {
      std::string text = replace_all(piece, " ", mark_);
      const bool wanted = prepend_ == Prepend::always ||
                          (prepend_ == Prepend::first && pieces.starts_input(r));
      if (wanted && !text.starts_with(mark_)) text.insert(0, mark_);
      return text;
    });
    if (cut_) cut_->apply(pieces);
  }

 private:
  std::string mark_;
  Prepend prepend_;
  std::unique_ptr<Stage> cut_;
};

}  // namespace

std::unique_ptr<Stage> split_stage(Regex regex, SplitBehaviour behaviour, bool invert) {
  return std::make_unique<SplitStage>(std::move(regex), behaviour, invert);
}
std::unique_ptr<Stage> prefix_space_stage() { return std::make_unique<PrefixSpaceStage>(); }
std::unique_ptr<Stage> map_bytes_stage() { return std::make_unique<MapBytesStage>(); }
std::unique_ptr<Stage> unmap_bytes_stage() { return std::make_unique<UnmapBytesStage>(); }
std::unique_ptr<Stage> metaspace_stage(std::string mark, Prepend prepend, bool split) {
  return std::make_unique<MetaspaceStage>(std::move(mark), prepend, split);
}

}  // namespace strata::model::tokenizer
