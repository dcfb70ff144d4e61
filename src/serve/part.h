// An answer as typed parts: what every API prints in its own form, streamed and in one piece.
#pragma once
#include <deque>
#include <string>

namespace strata::serve {

/// An answer is a sequence of blocks, each of one kind.
struct Block {
  enum class Kind { text, reasoning, call };
  Kind kind = Kind::text;
  int index = 0;               // in the answer
  std::string text = {};       // so far; of a call its arguments, JSON text
  int call = -1;               // of a call: its number among the calls, name and id
  std::string name = {}, id = {};
};
using Blocks = std::deque<Block>;   // a block stays where it is

/// Opens the next block, adds to it or closes it: at most one is open at a time.
struct Part {
  enum class Step { open, add, close };
  Step step;
  const Block* block;
  std::string text = {};       // what is added
};

/// The texts of all blocks of a kind.
inline std::string joined(const Blocks& blocks, Block::Kind kind) {
  std::string text;
  for (const Block& block : blocks)
    if (block.kind == kind) text += block.text;
  return text;
}

}  // namespace strata::serve
