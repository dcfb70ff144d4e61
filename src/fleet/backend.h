// A loaded model as the layers above see it: the seam at which tests put a scripted one.
#pragma once
#include <memory>
#include <string>

#include "engine/embedder.h"
#include "engine/engine.h"

namespace strata::fleet {

class Backend {
 public:
  virtual ~Backend() = default;

  struct Info {
    std::string name, path;      // of the model
    int n_vocab = 0;             // ids below it are valid in a prompt
    int max_model_len = 0;
    int embedding_width = 0;     // of its vectors, or labels of its scores; 0: it makes none
    bool ranks = false;          // its vectors are scores of whole texts
    std::string arch = {};
    int64_t parameters = 0;
    int64_t file_bytes = 0;
  };
  virtual Info info() const = 0;
  virtual const model::Tokenizer* tokenizer() const = 0;          // null: none
  virtual const model::ChatTemplate* chat_template() const = 0;   // null: none

  // As engine::Engine.
  virtual uint64_t submit(engine::Request request, engine::OnEvent on_event) = 0;
  virtual void cancel(uint64_t id) = 0;
  virtual void finish(uint64_t id, int index) = 0;
  virtual bool drain(double timeout_s) = 0;
  virtual engine::EngineStats stats() const = 0;
  virtual double step_age_s() const = 0;

  /// As engine::Embedder::submit. Errors: also invalid_argument for a model that generates text.
  virtual void embed(std::vector<std::vector<engine::Token>> inputs,
                     engine::Embedder::OnDone done);
  /// As engine::Embedder::encode.
  virtual std::vector<engine::Token> encode(std::string_view text, int most) const;
  /// A query and a text as a ranking model reads them, at most `most` tokens (0: no limit but the
  /// model's): the text is cut. Source: the post-processors of BERT ([CLS] a [SEP] b [SEP]) and
  /// RoBERTa (<s> a </s></s> b </s>).
  std::vector<engine::Token> encode_pair(std::string_view query, std::string_view text,
                                         int most) const;
};

std::unique_ptr<Backend> make_backend(std::unique_ptr<engine::Engine> engine);
std::unique_ptr<Backend> make_backend(std::unique_ptr<engine::Embedder> embedder);

}  // namespace strata::fleet
