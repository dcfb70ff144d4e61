#include "model/tokenizer/sentencepiece.h"

#include <bit>
#include <cmath>
#include <optional>
#include <unordered_map>

#include "base/error.h"
#include "model/format/protobuf.h"
#include "model/tokenizer/base64.h"
#include "model/tokenizer/utf8.h"

namespace strata::model::tokenizer {
namespace {

using nlohmann::json;

// Field numbers of sentencepiece_model.proto.
namespace field {
constexpr uint32_t pieces = 1, trainer = 2, normalizer = 3;                       // ModelProto
constexpr uint32_t piece = 1, score = 2, type = 3;                                // SentencePiece
constexpr uint32_t kind = 3, whitespace_as_suffix = 24, byte_fallback = 35;       // TrainerSpec
constexpr uint32_t bos_piece = 46, eos_piece = 47, pad_piece = 48;
constexpr uint32_t charsmap = 2, dummy_prefix = 3, extra_whitespaces = 4, escape = 5;   // Normal...
}  // namespace field

class Parser {
 public:
  explicit Parser(std::string_view where) : where_(where) {}

  SentencePieceFile parse(std::span<const uint8_t> bytes) {
    ProtoReader in(bytes, where_);
    while (const auto f = in.next()) {
      if (f->number == field::pieces) read_piece(message(*f, "pieces"));
      else if (f->number == field::trainer) read_trainer(message(*f, "trainer_spec"));
      else if (f->number == field::normalizer) read_normalizer(message(*f, "normalizer_spec"));
    }
    if (file_.pieces.empty()) bad("pieces", "there are none");
    return std::move(file_);
  }

 private:
  [[noreturn]] void bad(std::string_view what, std::string_view why) const {
    fail(Code::data_loss, "{}: {}: {}", where_, what, why);
  }
  std::span<const uint8_t> message(const ProtoField& f, std::string_view what) const {
    if (f.type != WireType::bytes) bad(what, "is no message");
    return f.bytes;
  }
  std::string_view text(const ProtoField& f, std::string_view what) const {
    if (f.type != WireType::bytes || !valid_utf8(f.text())) bad(what, "is no text in UTF-8");
    return f.text();
  }
  bool flag(const ProtoField& f, std::string_view what) const {
    if (f.type != WireType::varint) bad(what, "is no boolean");
    return f.value != 0;
  }

  void read_piece(std::span<const uint8_t> bytes) {
    if (file_.pieces.size() >= max_vocabulary) bad("pieces", "too many");
    SentencePieceFile::Piece piece;
    ProtoReader in(bytes, where_);
    while (const auto f = in.next()) {
      if (f->number == field::piece) piece.text = text(*f, "piece");
      else if (f->number == field::score) {
        if (f->type != WireType::fixed32) bad("score", "is no float");
        piece.score = std::bit_cast<float>(static_cast<uint32_t>(f->value));
        if (!std::isfinite(piece.score)) bad("score", "is not finite");
      } else if (f->number == field::type) {
        if (f->type != WireType::varint || f->value < 1 || f->value > 6)
          bad("type", "is none of a piece");
        piece.type = static_cast<TokenType>(f->value);
      }
    }
    file_.pieces.push_back(piece);
  }

  void read_trainer(std::span<const uint8_t> bytes) {
    ProtoReader in(bytes, where_);
    while (const auto f = in.next()) switch (f->number) {
        case field::kind:
          if (f->type != WireType::varint || f->value < 1 || f->value > 4)
            bad("model_type", "is none that is known");
          file_.kind = static_cast<SentencePieceFile::Kind>(f->value);
          break;
        case field::whitespace_as_suffix:
          file_.whitespace_as_suffix = flag(*f, "treat_whitespace_as_suffix");
          break;
        case field::byte_fallback: file_.byte_fallback = flag(*f, "byte_fallback"); break;
        case field::bos_piece: file_.bos_piece = text(*f, "bos_piece"); break;
        case field::eos_piece: file_.eos_piece = text(*f, "eos_piece"); break;
        case field::pad_piece: file_.pad_piece = text(*f, "pad_piece"); break;
        default: break;
      }
  }

  void read_normalizer(std::span<const uint8_t> bytes) {
    ProtoReader in(bytes, where_);
    while (const auto f = in.next()) switch (f->number) {
        case field::charsmap: {
          const auto map = message(*f, "precompiled_charsmap");
          file_.charsmap = {reinterpret_cast<const char*>(map.data()), map.size()};
          break;
        }
        case field::dummy_prefix: file_.add_dummy_prefix = flag(*f, "add_dummy_prefix"); break;
        case field::extra_whitespaces:
          file_.remove_extra_whitespaces = flag(*f, "remove_extra_whitespaces");
          break;
        case field::escape: file_.escape_whitespaces = flag(*f, "escape_whitespaces"); break;
        default: break;
      }
  }

  std::string_view where_;
  SentencePieceFile file_;
};

json part(std::string_view type) { return {{"type", type}}; }
json replace(std::string_view from, std::string_view to) {
  return {{"type", "Replace"}, {"pattern", {{"String", from}}}, {"content", to}};
}

class Writer {
 public:
  Writer(const SentencePieceFile& file, FolderSettings& settings)
      : file_(file), settings_(settings) {
    for (size_t i = 0; i < file.pieces.size(); ++i)
      ids_.try_emplace(file.pieces[i].text, static_cast<int64_t>(i));
  }

  std::string write() {
    name_specials();
    const bool xlm = settings_.is("xlmroberta") || settings_.is("xlm-roberta");
    json out = {{"model", xlm ? fairseq_model() : model()},
                {"normalizer", normalizer()},
                {"decoder", decoder()}};
    // Not the library's way, but the reference's: only the whole text gets the dummy prefix, and
    // none where it starts with a space.
    if (prefix_once()) {
      json stage = part("Metaspace");
      stage["prepend_scheme"] = "first";
      stage["split"] = false;
      out["pre_tokenizer"] = stage;
    }
    if (xlm) enclose(out);
    const json& vocabulary = out["model"]["vocab"];
    std::unordered_map<std::string, int64_t> ids;
    for (size_t i = 0; i < vocabulary.size(); ++i)
      ids.try_emplace(vocabulary[i][0].get<std::string>(), static_cast<int64_t>(i));
    out["added_tokens"] = settings_.added_tokens(
        [&](const std::string& content) {
          const auto at = ids.find(content);
          return at == ids.end() ? -1 : at->second;
        },
        static_cast<int64_t>(vocabulary.size()));
    return out.dump();
  }

 private:
  bool prefix_once() const {
    return file_.add_dummy_prefix && !file_.whitespace_as_suffix &&
           file_.escape_whitespaces && !settings_.flag("legacy", true);
  }

  const SentencePieceFile::Piece* find(std::string_view text) const {
    const auto at = ids_.find(text);
    return at == ids_.end() ? nullptr : &file_.pieces[static_cast<size_t>(at->second)];
  }

  void name_specials() {
    const auto control = [&](std::string_view key, const std::string& text) {
      const auto* piece = find(text);
      if (!piece || piece->type != TokenType::control) return false;
      settings_.default_token(key, text);
      return true;
    };
    const bool bos = control("bos_token", file_.bos_piece);
    const bool eos = control("eos_token", file_.eos_piece);
    control("pad_token", file_.pad_piece);
    std::vector<std::string> others;
    for (const auto& piece : file_.pieces) {
      if (piece.type == TokenType::unknown) settings_.default_token("unk_token", piece.text);
      if (piece.type == TokenType::control) others.emplace_back(piece.text);
    }
    settings_.default_specials(others);
    // T5's encoder reads an end, the decoders a start.
    const bool t5 = settings_.is("t5");
    if (file_.kind == SentencePieceFile::Kind::bpe && bos && !t5)
      settings_.default_flag("add_bos_token", true);
    if (t5 && eos) settings_.default_flag("add_eos_token", true);
  }

  json model() const {
    json vocabulary = json::array(), types = json::array();
    for (const auto& piece : file_.pieces) {
      vocabulary.push_back({piece.text, piece.score});
      types.push_back(static_cast<int>(piece.type));
    }
    const bool bpe = file_.kind == SentencePieceFile::Kind::bpe;
    json out = part(bpe ? "SentencePiece" : "Unigram");
    out["vocab"] = std::move(vocabulary);
    out["types"] = std::move(types);
    out["unk_id"] = file_.unknown();
    out["byte_fallback"] = file_.byte_fallback;
    return out;
  }

  // XLM-R counts its pieces as fairseq does: four special tokens of its own before, a mask behind.
  json fairseq_model() const {
    json out = model();
    json vocabulary = {{"<s>", 0}, {"<pad>", 0}, {"</s>", 0}, {"<unk>", 0}};
    json types = {3, 3, 3, 2};
    for (size_t i = 3; i < file_.pieces.size(); ++i) {
      vocabulary.push_back(out["vocab"][i]);
      types.push_back(out["types"][i]);
    }
    vocabulary.push_back({"<mask>", 0});
    types.push_back(3);
    out["vocab"] = std::move(vocabulary);
    out["types"] = std::move(types);
    out["unk_id"] = 3;
    settings_.default_specials({"<s>", "<pad>", "</s>", "<unk>", "<mask>"});
    return out;
  }

  static void enclose(json& out) {
    out["post_processor"] = {
        {"type", "RobertaProcessing"}, {"cls", {"<s>", 0}}, {"sep", {"</s>", 2}}};
  }

  json normalizer() const {
    json steps = json::array();
    if (!file_.charsmap.empty()) {
      json map = part("Precompiled");
      map["precompiled_charsmap"] = to_base64(file_.charsmap);
      for (const auto& piece : file_.pieces)
        if (piece.type == TokenType::user_defined) map["kept"].push_back(piece.text);
      steps.push_back(std::move(map));
    }
    if (file_.remove_extra_whitespaces) steps.push_back(part("SingleSpaces"));
    if (file_.add_dummy_prefix && !prefix_once())
      steps.push_back(file_.whitespace_as_suffix ? json{{"type", "Append"}, {"append", " "}}
                                                 : json{{"type", "Prepend"}, {"prepend", " "}});
    if (file_.escape_whitespaces) steps.push_back(replace(" ", lower_block));
    return {{"type", "Sequence"}, {"normalizers", std::move(steps)}};
  }

  json decoder() const {
    json steps = json::array(
        {replace(lower_block, " "), part("ByteFallback"), part("Fuse")});
    if (!file_.whitespace_as_suffix && (file_.add_dummy_prefix || file_.remove_extra_whitespaces))
      steps.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
    return {{"type", "Sequence"}, {"decoders", std::move(steps)}};
  }

  const SentencePieceFile& file_;
  FolderSettings& settings_;
  std::unordered_map<std::string_view, int64_t> ids_;
};

}  // namespace

int64_t SentencePieceFile::find(std::string_view text) const {
  for (size_t i = 0; i < pieces.size(); ++i)
    if (pieces[i].text == text) return static_cast<int64_t>(i);
  return -1;
}

int64_t SentencePieceFile::unknown() const {
  for (size_t i = 0; i < pieces.size(); ++i)
    if (pieces[i].type == TokenType::unknown) return static_cast<int64_t>(i);
  return -1;
}

SentencePieceFile parse_sentencepiece(std::span<const uint8_t> bytes, std::string_view where) {
  SentencePieceFile file = Parser(where).parse(bytes);
  if (file.kind != SentencePieceFile::Kind::unigram && file.kind != SentencePieceFile::Kind::bpe)
    fail(Code::unimplemented, "{}: only models of the types UNIGRAM and BPE can be read", where);
  return file;
}

std::string sentencepiece_json(const SentencePieceFile& file, FolderSettings& settings) {
  return Writer(file, settings).write();
}

}  // namespace strata::model::tokenizer
