// The text of an answer, read into its parts while it arrives.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dialect/parser.h"
#include "serve/part.h"

namespace strata::serve {

struct ReadingOptions {
  dialect::ParserOptions parser = {};        // by default all is text
  bool include_reasoning = true;
  std::string_view call_prefix = "call_";    // of the ids of calls
};

/// One per choice. Not thread-safe.
class PartReader {
 public:
  explicit PartReader(const ReadingOptions& options);   // outlives it

  /// What the new text adds. `last`: nothing more comes, and what is open is closed.
  std::vector<Part> push(std::string_view text, bool last);

  const Blocks& blocks() const { return blocks_; }
  bool called() const;
  /// Whether the text so far ends within the reasoning.
  bool reasons() const { return reasons_; }

 private:
  void take(dialect::Event& event, std::vector<Part>& parts);
  void add(Block::Kind kind, std::string text, std::vector<Part>& parts);
  Block& open(Block::Kind kind, std::vector<Part>& parts);
  void close(std::vector<Part>& parts);

  const ReadingOptions* options_;
  std::unique_ptr<dialect::Parser> parser_;   // null: all is text
  Blocks blocks_;
  bool is_open_ = false;                      // the last block
  bool reasons_;
};

}  // namespace strata::serve
