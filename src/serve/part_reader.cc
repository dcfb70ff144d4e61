#include "serve/part_reader.h"

#include <algorithm>

#include "serve/id.h"

namespace strata::serve {
namespace {

using Kind = Block::Kind;
using Step = Part::Step;

/// Mistral's templates take ids of nine letters and digits only.
std::string make_call_id(const ReadingOptions& options) {
  constexpr size_t mistral = 9;
  const dialect::Form* form = options.parser.form;
  const bool is_short = form && form->name.starts_with("mistral");
  return is_short ? make_id("").substr(0, mistral) : make_id(options.call_prefix);
}

}  // namespace

PartReader::PartReader(const ReadingOptions& options)
    : options_(&options),
      parser_(dialect::make_parser(options.parser)),
      reasons_(options.parser.reasoning && options.parser.start == dialect::Start::inside) {}

std::vector<Part> PartReader::push(std::string_view text, bool last) {
  std::vector<Part> parts;
  if (parser_) {
    dialect::Events events;
    parser_->push(text, events);
    if (last) parser_->finish(events);
    for (dialect::Event& event : events) take(event, parts);
  } else {
    add(Kind::text, std::string(text), parts);
  }
  if (last) close(parts);
  return parts;
}

bool PartReader::called() const {
  return std::any_of(blocks_.begin(), blocks_.end(),
                     [](const Block& block) { return block.kind == Kind::call; });
}

void PartReader::take(dialect::Event& event, std::vector<Part>& parts) {
  reasons_ = event.kind == dialect::Event::Kind::reasoning;
  switch (event.kind) {
    case dialect::Event::Kind::content: return add(Kind::text, std::move(event.text), parts);
    case dialect::Event::Kind::reasoning:
      if (options_->include_reasoning) add(Kind::reasoning, std::move(event.text), parts);
      return;
    case dialect::Event::Kind::call: {
      close(parts);
      Block& call = open(Kind::call, parts);
      call.call = event.call;
      call.name = std::move(event.text);
      call.id = event.id.empty() ? make_call_id(*options_) : std::move(event.id);
      return;
    }
    case dialect::Event::Kind::arguments: return add(Kind::call, std::move(event.text), parts);
  }
}

void PartReader::add(Kind kind, std::string text, std::vector<Part>& parts) {
  if (text.empty()) return;
  if (!is_open_ || blocks_.back().kind != kind) {
    close(parts);
    open(kind, parts);
  }
  blocks_.back().text += text;
  parts.push_back({Step::add, &blocks_.back(), std::move(text)});
}

Block& PartReader::open(Kind kind, std::vector<Part>& parts) {
  blocks_.push_back({.kind = kind, .index = static_cast<int>(blocks_.size())});
  is_open_ = true;
  parts.push_back({Step::open, &blocks_.back()});
  return blocks_.back();
}

void PartReader::close(std::vector<Part>& parts) {
  if (std::exchange(is_open_, false)) parts.push_back({Step::close, &blocks_.back()});
}

}  // namespace strata::serve
