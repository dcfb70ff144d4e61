// Jina's and Cohere's API for scores: POST /v1/rerank, /v2/rerank, /rerank, /v1/score, /score
#include <algorithm>
#include <cmath>
#include <numeric>

#include "serve/answer_json.h"
#include "serve/embedding.h"

namespace strata::serve {
namespace {

constexpr double max_documents = 2048;

/// Relevance of each text to its query: the ranking head's probability, or the cosine of the two
/// vectors of a model that has none.
struct Pairs {
  std::vector<std::string> queries, texts;   // one query, or as many as texts
  const std::string& query(size_t i) const { return queries[queries.size() == 1 ? 0 : i]; }
};

using OnScores = std::function<std::string(const std::vector<double>&, size_t tokens)>;

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

double dot(const std::vector<float>& a, const std::vector<float>& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

void score_by_head(const Call& call, const Pairs& pairs, int most, OnScores write) {
  std::vector<std::vector<engine::Token>> inputs;
  for (size_t i = 0; i < pairs.texts.size(); ++i)
    inputs.push_back(call.model->backend->encode_pair(pairs.query(i), pairs.texts[i], most));
  const size_t tokens = count_tokens(inputs);
  embed_inputs(call, std::move(inputs), {},
               [write = std::move(write), tokens](const std::vector<std::vector<float>>& rows) {
                 std::vector<double> scores;
                 // Of two labels the second is "relevant".
                 for (const auto& row : rows)
                   scores.push_back(sigmoid(row.size() == 2 ? row[1] - row[0] : row[0]));
                 return write(scores, tokens);
               });
}

void score_by_vectors(const Call& call, const Pairs& pairs, int most, OnScores write) {
  std::vector<PromptInput> texts(pairs.queries.begin(), pairs.queries.end());
  texts.insert(texts.end(), pairs.texts.begin(), pairs.texts.end());
  auto inputs = tokenise_inputs("documents", texts, *call.model->backend, most > 0 ? most : -1);
  const size_t tokens = count_tokens(inputs), n_query = pairs.queries.size();
  embed_inputs(call, std::move(inputs), {},
               [write = std::move(write), tokens,
                n_query](const std::vector<std::vector<float>>& vectors) {
                 std::vector<double> scores;
                 for (size_t i = n_query; i < vectors.size(); ++i)
                   scores.push_back(dot(vectors[n_query == 1 ? 0 : i - n_query], vectors[i]));
                 return write(scores, tokens);
               });
}

void score_pairs(const Call& call, const Pairs& pairs, int most, OnScores write) {
  if (call.model->backend->info().ranks) score_by_head(call, pairs, most, std::move(write));
  else score_by_vectors(call, pairs, most, std::move(write));
}

/// A text, or an object with the text in "text".
std::vector<std::string> read_texts(std::string_view field, const Json& v) {
  if (v.is_string()) return {v.get<std::string>()};
  check(array(1, max_documents), field, v);
  std::vector<std::string> texts;
  for (size_t i = 0; i < v.size(); ++i) {
    const std::string path = fmt::format("{}[{}]", field, i);
    const bool wrapped = v[i].is_object() && v[i].contains("text");
    const Json& text = wrapped ? v[i]["text"] : v[i];
    check(string(), path, text);
    texts.push_back(text.get<std::string>());
  }
  return texts;
}

struct RankRequest {
  std::optional<std::string> query;
  std::vector<std::string> documents, first, second;
  int top_n = 0, most = 0;
  bool return_documents = true;
};

#define STRATA_SET(statement) [](RankRequest& r, const Json& v) { statement; }
const Field<RankRequest> rerank_fields[] = {
    {"model", string(), nullptr},
    {"query", string(), STRATA_SET(r.query = v.get<std::string>())},
    {"documents", array(1, max_documents), STRATA_SET(r.documents = read_texts("documents", v))},
    {"top_n", integer(0), STRATA_SET(r.top_n = v.get<int>())},
    {"return_documents", boolean(), STRATA_SET(r.return_documents = v.get<bool>())},
    {"max_tokens_per_doc", integer(1), STRATA_SET(r.most = v.get<int>())},
    {"truncate_prompt_tokens", integer(1), STRATA_SET(r.most = v.get<int>())},
    {"user", string(), nullptr},
};
const Field<RankRequest> score_fields[] = {
    {"model", string(), nullptr},
    {"text_1", any(), STRATA_SET(r.first = read_texts("text_1", v))},
    {"text_2", any(), STRATA_SET(r.second = read_texts("text_2", v))},
    {"truncate_prompt_tokens", integer(1), STRATA_SET(r.most = v.get<int>())},
    {"user", string(), nullptr},
};
#undef STRATA_SET

std::string ranking(const RankRequest& r, const std::string& model,
                    const std::vector<double>& scores, size_t tokens) {
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return scores[a] > scores[b]; });
  if (r.top_n > 0) order.resize(std::min(order.size(), static_cast<size_t>(r.top_n)));
  Json results = Json::array();
  for (size_t i : order) {
    Json result = {{"index", i}, {"relevance_score", scores[i]}};
    if (r.return_documents) result["document"] = {{"text", r.documents[i]}};
    results.push_back(std::move(result));
  }
  return to_text({{"id", make_id("rerank-")},
                  {"model", model},
                  {"results", std::move(results)},
                  {"usage", {{"prompt_tokens", tokens}, {"total_tokens", tokens}}},
                  {"meta", {{"billed_units", {{"search_units", 1}}}}}});
}

void rerank(Call& call) {
  RankRequest r;
  FieldReader().with(std::span<const Field<RankRequest>>(rerank_fields), r).read(call.body);
  if (!r.query) bad_field("query", "'query' is required", "missing_parameter");
  if (r.documents.empty()) bad_field("documents", "'documents' is required", "missing_parameter");
  const Pairs pairs{{*r.query}, r.documents};
  score_pairs(call, pairs, r.most,
              [r, name = call.card().name](const std::vector<double>& scores, size_t tokens) {
                return ranking(r, name, scores, tokens);
              });
}

void score(Call& call) {
  RankRequest r;
  FieldReader().with(std::span<const Field<RankRequest>>(score_fields), r).read(call.body);
  for (const auto& [field, texts] : {std::pair("text_1", &r.first), {"text_2", &r.second}})
    if (texts->empty())
      bad_field(field, fmt::format("'{}' is required", field), "missing_parameter");
  if (r.first.size() != 1 && r.first.size() != r.second.size())
    bad_field("text_1", fmt::format("'text_1' must be one text or as many as 'text_2' ({}), not {}",
                                    r.second.size(), r.first.size()), "invalid_value");
  score_pairs(call, {r.first, r.second}, r.most,
              [name = call.card().name](const std::vector<double>& scores, size_t tokens) {
                Json data = Json::array();
                for (size_t i = 0; i < scores.size(); ++i)
                  data.push_back({{"index", i}, {"object", "score"}, {"score", scores[i]}});
                return to_text({{"id", make_id("score-")},
                                {"object", "list"},
                                {"created", unix_time_s()},
                                {"model", name},
                                {"data", std::move(data)},
                                {"usage", {{"prompt_tokens", tokens}, {"total_tokens", tokens}}}});
              });
}

Json rerank_schema() {
  return SchemaWriter()
      .with(std::span<const Field<RankRequest>>(rerank_fields))
      .require({"query", "documents"})
      .take();
}

Json score_schema() {
  return SchemaWriter()
      .with(std::span<const Field<RankRequest>>(score_fields))
      .require({"text_1", "text_2"})
      .take();
}

const Route routes[] = {
    {"POST", "/v1/rerank", rerank, "order documents by relevance to a query", rerank_schema},
    {"POST", "/v2/rerank", rerank, "the same, Cohere's newer path", rerank_schema},
    {"POST", "/rerank", rerank, "the same, Jina's path", rerank_schema},
    {"POST", "/v1/score", score, "how well pairs of texts fit", score_schema},
    {"POST", "/score", score, "the same", score_schema}};
const Registry<Api> registered{Api{"rerank", routes}};

}  // namespace
}  // namespace strata::serve
