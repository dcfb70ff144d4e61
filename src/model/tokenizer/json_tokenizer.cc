#include "model/tokenizer/json_tokenizer.h"

#include <algorithm>

#include "base/error.h"
#include "model/tokenizer/bpe.h"
#include "model/tokenizer/json_parts.h"
#include "model/tokenizer/pipeline.h"
#include "model/tokenizer/spm.h"
#include "model/tokenizer/stop_tokens.h"
#include "model/tokenizer/unigram.h"
#include "model/tokenizer/wordpiece.h"

namespace strata::model::tokenizer {
namespace {

// Ids that no token has: a file may leave that many out.
constexpr size_t max_holes = 65536;

class Builder {
 public:
  explicit Builder(const JsonFiles& files) : document_(files.tokenizer, "tokenizer.json") {
    const auto parse = [](std::optional<JsonDocument>& to, std::string_view text,
                          std::string_view name) {
      if (!text.empty()) to.emplace(text, name);
    };
    parse(settings_, files.tokenizer_config, "tokenizer_config.json");
    parse(generation_, files.generation_config, "generation_config.json");
    parse(config_, files.config, "config.json");
  }

  std::unique_ptr<Tokenizer> build() {
    const Json root = document_.root();
    const auto model = member(root, "model");
    if (!model) bad_json("is missing", "model");
    read_vocabulary(*model, member(root, "added_tokens"));
    JsonNormalizer normalizer;
    if (const auto e = member(root, "normalizer")) normalizer = read_normalizer(*e);
    parts_.normalizer = std::move(normalizer.normalizer);
    JsonPreTokenizer pre =
        read_pre_tokenizer(member(root, "pre_tokenizer"), normalizer.byte_level);
    parts_.stages = std::move(pre.stages);
    build_model(*model, pre.byte_level);
    if (const auto e = member(root, "decoder")) parts_.decoder = read_decoder(*e);
    else if (pre.byte_level) parts_.decoder = Decoder({{Decoder::Kind::byte_level, "", ""}}, true);
    add_tokens(member(root, "added_tokens"));
    if (const auto e = member(root, "post_processor")) post_process(*e, 0);
    return finish();
  }

 private:
  // Pieces by id, gathered before ids are known to be complete.
  struct Slots {
    std::vector<std::string_view> pieces;
    std::vector<TokenType> types;
    size_t n = 0;
    void put(int64_t id, std::string_view piece, TokenType type) {
      if (id < 0 || static_cast<size_t>(id) > n + max_holes ||
          static_cast<size_t>(id) >= max_vocabulary)
        fail(Code::data_loss, "tokenizer: token '{}' has the id {}", piece.substr(0, 100), id);
      const auto i = static_cast<size_t>(id);
      if (i >= pieces.size()) pieces.resize(i + 1), types.resize(i + 1, TokenType::unused);
      pieces[i] = piece;
      types[i] = type;
      ++n;
    }
  };

  static std::string_view model_type(Json model) {
    if (const auto type = member(model, "type")) return as_text(*type, "type");
    if (member(model, "merges")) return "BPE";   // older files do not say
    const auto vocabulary = member(model, "vocab");
    return vocabulary && vocabulary->is_array() ? "Unigram" : "WordPiece";
  }

  static TokenType read_type(const std::vector<int64_t>& types, size_t i) {
    if (i >= types.size() || types[i] < 1 || types[i] > 6) bad_json("has no type", "types");
    return static_cast<TokenType>(types[i]);
  }

  void read_vocabulary(Json model, std::optional<Json> added) {
    Slots slots;
    const auto vocabulary = member(model, "vocab");
    if (!vocabulary) bad_json("is missing", "vocab");
    simdjson::dom::object by_piece;
    if (!vocabulary->get(by_piece)) {
      slots.n = by_piece.size();   // ids come in any order
      for (const auto& [piece, id] : by_piece) {
        int64_t number;
        if (id.get(number)) bad_json("has an id that is no integer", "vocab");
        slots.put(number, piece, TokenType::normal);
      }
    } else {
      std::optional<std::vector<int64_t>> types;   // of what came from SentencePiece
      if (member(model, "types")) {
        types.emplace();
        for (const Json type : array(model, "types")) types->push_back(as_integer(type, "types"));
      }
      for (const Json entry : array(model, "vocab")) {   // [piece, score]
        simdjson::dom::array pair;
        Json piece, score;
        if (entry.get(pair) || pair.at(0).get(piece) || pair.at(1).get(score))
          bad_json("has an entry that is no pair", "vocab");
        slots.put(static_cast<int64_t>(scores_.size()), as_text(piece, "vocab"),
                  types ? read_type(*types, scores_.size()) : TokenType::normal);
        scores_.push_back(as_number(score, "score"));
      }
    }
    if (added) {
      simdjson::dom::array list;
      if (added->get(list)) bad_json("is no list", "added_tokens");
      for (const Json e : list)
        slots.put(integer(e, "id", -1), text(e, "content"),
                  boolean(e, "special", false) ? TokenType::control : TokenType::user_defined);
    }
    parts_.vocabulary = std::make_unique<Vocabulary>();
    for (size_t i = 0; i < slots.pieces.size(); ++i)
      parts_.vocabulary->add(slots.pieces[i], slots.types[i]);
    parts_.vocabulary->build_index();
    if (parts_.vocabulary->size() == 0) bad_json("is empty", "vocab");
  }

  void add_tokens(std::optional<Json> added) {
    if (!added) return;
    for (const Json e : array(document_.root(), "added_tokens")) {
      const AddedToken token{.id = static_cast<Token>(integer(e, "id", -1)),
                             .special = boolean(e, "special", false),
                             .lstrip = boolean(e, "lstrip", false),
                             .rstrip = boolean(e, "rstrip", false),
                             .single_word = boolean(e, "single_word", false)};
      const std::string_view content = text(e, "content");
      if (!boolean(e, "normalized", false)) parts_.raw_tokens.add(content, token);
      else if (!parts_.normalizer) parts_.normalized_tokens.add(content, token);
      else parts_.normalized_tokens.add(parts_.normalizer->apply(content), token);
    }
  }

  Token unknown(Json model) const {
    const auto piece = member(model, "unk_token");
    return piece ? parts_.vocabulary->find(as_text(*piece, "unk_token")) : -1;
  }

  Token unknown_id(Json model) const {
    const int64_t id = integer(model, "unk_id", -1);
    return id >= 0 && id < parts_.vocabulary->size() ? static_cast<Token>(id) : -1;
  }

  void build_model(Json model, bool byte_level) {
    const std::string_view type = model_type(model);
    if (type == "BPE") return build_bpe(model, byte_level);
    if (byte_level)
      fail(Code::unimplemented, "tokenizer: ByteLevel with model '{}' is not supported", type);
    if (type == "SentencePiece") {
      model_ = "spm";
      unk_ = unknown_id(model);
      scores_.resize(parts_.vocabulary->size(), 0);
      parts_.model = std::make_unique<Spm>(
          *parts_.vocabulary, std::vector<float>(scores_.begin(), scores_.end()),
          Spm::Options{.unknown = unk_, .by_types = true});
    } else if (type == "Unigram") {
      model_ = "unigram";
      unk_ = unknown_id(model);
      scores_.resize(parts_.vocabulary->size(), 0);
      parts_.model = std::make_unique<Unigram>(*parts_.vocabulary, std::move(scores_), unk_,
                                               boolean(model, "byte_fallback", false));
    } else if (type == "WordPiece") {
      model_ = "wordpiece";
      unk_ = unknown(model);
      const int64_t longest = integer(model, "max_input_chars_per_word", 100);
      parts_.model = std::make_unique<WordPiece>(
          *parts_.vocabulary,
          WordPiece::Options{
              .start_prefix = "",
              .continuing_prefix = std::string(text(model, "continuing_subword_prefix", "##")),
              .max_characters = static_cast<size_t>(std::clamp<int64_t>(longest, 1, 4096)),
              .unknown = unk_});
    } else {
      fail(Code::unimplemented, "tokenizer: model '{}' is not supported (BPE, Unigram and "
           "WordPiece are)", type);
    }
  }

  void build_bpe(Json model, bool byte_level) {
    model_ = "bpe";
    unk_ = unknown(model);
    std::vector<Merge> merges;
    for (const Json e : array(model, "merges")) {
      std::string_view line;
      if (!e.get(line)) {   // "left right"
        const size_t space = line.find(' ');
        if (space == line.npos) bad_json("has a line of one part", "merges");
        merges.push_back({line.substr(0, space), line.substr(space + 1)});
        continue;
      }
      simdjson::dom::array pair;
      Json left, right;
      if (e.get(pair) || pair.at(0).get(left) || pair.at(1).get(right))
        bad_json("has an entry that is no pair", "merges");
      merges.push_back({as_text(left, "merges"), as_text(right, "merges")});
    }
    parts_.model = std::make_unique<Bpe>(
        *parts_.vocabulary, merges,
        Bpe::Options{
            .bytes = byte_level,
            .byte_fallback = boolean(model, "byte_fallback", false),
            .ignore_merges = boolean(model, "ignore_merges", false),
            .fuse_unknown = boolean(model, "fuse_unk", false),
            .unknown = unk_,
            .continuing_prefix = std::string(text(model, "continuing_subword_prefix", "")),
            .end_suffix = std::string(text(model, "end_of_word_suffix", ""))});
  }

  // Leaves what stands before and after one sequence.
  void post_process(Json e, int depth) {
    if (depth > max_json_nesting) bad_json("is nested too deeply", "post_processor");
    const std::string_view type = text(e, "type");
    if (type == "Sequence") {
      for (const Json inner : array(e, "processors")) post_process(inner, depth + 1);
    } else if (type == "TemplateProcessing") {
      use_template(e);
    } else if (type == "BertProcessing" || type == "RobertaProcessing") {
      parts_.prefix = {pair_id(e, "cls")};
      parts_.suffix = {pair_id(e, "sep")};
    } else if (type != "ByteLevel") {   // that one only moves offsets
      fail(Code::unimplemented, "tokenizer: post_processor '{}' is not supported", type);
    }
  }

  Token checked(int64_t id) const {
    if (id < 0 || id >= parts_.vocabulary->size())
      bad_json("names a token that is not there", "post_processor");
    return static_cast<Token>(id);
  }

  Token pair_id(Json e, std::string_view key) const {   // ["[CLS]", 101]
    simdjson::dom::array pair = array(e, key);
    int64_t id;
    if (pair.at(1).get(id)) bad_json("is no pair of text and id", key);
    return checked(id);
  }

  void use_template(Json e) {
    parts_.prefix.clear(), parts_.suffix.clear();
    bool before = true;
    for (const Json item : array(e, "single")) {
      if (member(item, "Sequence")) {
        before = false;
        continue;
      }
      const auto special = member(item, "SpecialToken");
      if (!special) bad_json("has an unknown item", "single");
      const auto known = member(e, "special_tokens");
      const auto entry = known ? member(*known, text(*special, "id")) : std::nullopt;
      if (!entry) bad_json("names a token without ids", "single");
      for (const Json id : array(*entry, "ids")) {
        int64_t number;
        if (id.get(number)) bad_json("has an id that is no integer", "special_tokens");
        (before ? parts_.prefix : parts_.suffix).push_back(checked(number));
      }
    }
  }

  // "bos_token": a text or {"content": text}.
  Token named(std::string_view key) const {
    const auto e = settings_ ? member(settings_->root(), key) : std::nullopt;
    if (!e) return -1;
    std::string_view piece;
    if (e->get(piece)) piece = text(*e, "content");
    return parts_.vocabulary->find(piece);
  }

  // Numbers of eos_token_id and the like: one or a list.
  std::vector<Token> ids(const std::optional<JsonDocument>& file, std::string_view key) const {
    std::vector<Token> out;
    const auto e = file ? member(file->root(), key) : std::nullopt;
    if (!e) return out;
    const auto add = [&](Json item) {
      int64_t id;
      if (!item.get(id) && id >= 0 && id < parts_.vocabulary->size())
        out.push_back(static_cast<Token>(id));
    };
    simdjson::dom::array list;
    if (e->get(list)) add(*e);
    else
      for (const Json item : list) add(item);
    return out;
  }

  Token special(std::string_view name) const {   // "bos" ...
    if (const Token id = named(std::string(name) + "_token"); id >= 0) return id;
    for (const auto* file : {&generation_, &config_})
      if (const auto list = ids(*file, std::string(name) + "_token_id"); !list.empty())
        return list[0];
    return -1;
  }

  // An explicit add_bos_token / add_eos_token outranks the post-processor.
  void settle(std::string_view key, Token token, std::vector<Token>& where, bool front) {
    if (!settings_ || !member(settings_->root(), key) || token < 0) return;
    const bool wanted = boolean(settings_->root(), key, false);
    const auto at = std::ranges::find(where, token);
    if (wanted && at == where.end()) where.insert(front ? where.begin() : where.end(), token);
    if (!wanted && at != where.end()) where.erase(at);
  }

  std::unique_ptr<Tokenizer> finish() {
    const Token bos = special("bos"), eos = special("eos"), pad = special("pad");
    settle("add_bos_token", bos, parts_.prefix, true);
    settle("add_eos_token", eos, parts_.suffix, false);
    if (unk_ < 0) unk_ = named("unk_token");
    std::vector<Token> ends = {eos};
    for (const auto* file : {&generation_, &config_})
      for (const Token id : ids(*file, "eos_token_id")) ends.push_back(id);
    std::vector<Token> stop = stop_tokens(*parts_.vocabulary, ends);
    const bool add_bos = !parts_.prefix.empty(), add_eos = !parts_.suffix.empty();

    auto out = std::make_unique<PipelineTokenizer>(std::move(parts_));
    out->bos = bos, out->eos = eos, out->unk = unk_, out->pad = pad;
    out->add_bos = add_bos, out->add_eos = add_eos;
    out->stop = std::move(stop);
    out->model = model_, out->pre = "tokenizer.json";
    return out;
  }

  JsonDocument document_;
  std::optional<JsonDocument> settings_, generation_, config_;
  Parts parts_;
  std::vector<double> scores_;
  Token unk_ = -1;
  std::string model_;
};

}  // namespace

std::unique_ptr<Tokenizer> json_tokenizer(const JsonFiles& files) { return Builder(files).build(); }

}  // namespace strata::model::tokenizer
