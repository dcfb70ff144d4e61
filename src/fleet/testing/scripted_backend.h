// For tests: an engine without a model. A token is a byte; what a request answers is a script.
#pragma once
#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/error.h"
#include "fleet/backend.h"

namespace strata::fleet::testing {

constexpr int n_vocab = 260;   // 256 bytes, then <s>, </s>, <x>, <y>
constexpr engine::Token bos = 256, eos = 257;

class ByteTokenizer : public model::Tokenizer {
 public:
  ByteTokenizer() {
    model::Tokenizer::bos = testing::bos;
    model::Tokenizer::eos = testing::eos;
    stop = {testing::eos};
    add_bos = true;
    for (int i = 0; i < 256; ++i) pieces_.push_back(std::string(1, static_cast<char>(i)));
    for (const char* p : {"<s>", "</s>", "<x>", "<y>"}) pieces_.push_back(p);
  }
  std::vector<model::Token> encode(std::string_view text,
                                   const EncodeOptions& options) const override {
    std::vector<model::Token> ids;
    if (options.add_special) ids.push_back(testing::bos);
    while (!text.empty()) {
      model::Token id = static_cast<unsigned char>(text[0]);
      for (model::Token s = 256; options.parse_special && s < n_vocab; ++s)
        if (text.starts_with(piece(s))) id = s;
      ids.push_back(id);
      text.remove_prefix(piece(id).size());
    }
    return ids;
  }
  std::string bytes(model::Token id, bool) const override { return std::string(piece(id)); }
  std::string decode(std::span<const model::Token> ids, bool skip_special) const override {
    std::string text;
    for (model::Token id : ids)
      if (!skip_special || !is_special(id)) text += piece(id);
    return text;
  }
  int size() const override { return n_vocab; }
  std::string_view piece(model::Token id) const override {
    return pieces_[static_cast<size_t>(id)];
  }
  bool is_special(model::Token id) const override { return id >= 256; }
  model::Token find(std::string_view text) const override {
    for (model::Token id = 0; id < n_vocab; ++id)
      if (piece(id) == text) return id;
    return -1;
  }
  using model::Tokenizer::encode;

 private:
  std::vector<std::string> pieces_;
};

/// Answers every sequence with `answer`, one event a token, from a thread of its own.
class ScriptedBackend : public Backend {
 public:
  ScriptedBackend() : thread_([this] { run(); }) {}
  ~ScriptedBackend() override {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  // The script; set before requests come.
  std::string answer = "hello";
  std::string fail_with;                 // the event that ends every request
  std::optional<Error> refuse;           // what submit() throws
  int max_model_len = 100;
  std::atomic<double> step_age = 0;      // what step_age_s() says
  bool hold = false;                     // submitted requests wait for release()
  std::unique_ptr<model::ChatTemplate> chat;

  // What was asked.
  std::vector<engine::Request> seen() {
    std::lock_guard lock(mutex_);
    return seen_;
  }
  std::atomic<int> n_finished = 0;
  // Outlives the backend, which a server's end destroys.
  const std::shared_ptr<std::atomic<int>> n_cancelled = std::make_shared<std::atomic<int>>(0);
  void release() {
    std::lock_guard lock(mutex_);
    hold = false;
    changed_.notify_all();
  }
  bool wait_for(const std::function<bool()>& condition) {
    for (int i = 0; i < 2000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
  }

  Info info() const override {
    return {"scripted", "/models/scripted.gguf", n_vocab, max_model_len, 2};
  }
  /// The vector of an input: its first token and its length.
  void embed(std::vector<std::vector<engine::Token>> inputs,
             engine::Embedder::OnDone done) override {
    if (refuse) throw *refuse;
    std::vector<std::vector<float>> vectors;
    for (const auto& input : inputs)
      vectors.push_back({static_cast<float>(input[0]), static_cast<float>(input.size())});
    done(std::move(vectors), fail_with);
  }
  const model::Tokenizer* tokenizer() const override { return &tokenizer_; }
  const model::ChatTemplate* chat_template() const override { return chat.get(); }

  uint64_t submit(engine::Request request, engine::OnEvent on_event) override {
    if (refuse) throw *refuse;
    if (static_cast<int>(request.prompt.size()) >= max_model_len)
      throw Error(Code::invalid_argument,
                  fmt::format("prompt of {} tokens, context of {}", request.prompt.size(),
                              max_model_len),
                  "context_length_exceeded", "messages");
    std::lock_guard lock(mutex_);
    if (draining_) fail(Code::unavailable, "draining");
    seen_.push_back(request);
    running_.push_back({++last_id_, std::move(request), std::move(on_event), false});
    changed_.notify_all();
    return last_id_;
  }
  void cancel(uint64_t id) override {
    std::lock_guard lock(mutex_);
    for (Running& r : running_)
      if (r.id == id) {
        r.cancelled = true;
        ++*n_cancelled;
      }
    changed_.notify_all();
  }
  void finish(uint64_t, int) override { ++n_finished; }
  bool drain(double timeout_s) override {
    std::unique_lock lock(mutex_);
    draining_ = true;
    return changed_.wait_for(lock, std::chrono::duration<double>(timeout_s),
                             [&] { return running_.empty(); });
  }
  double step_age_s() const override { return step_age; }
  engine::EngineStats stats() const override {
    std::lock_guard lock(mutex_);
    engine::EngineStats s;
    s.running = static_cast<int>(running_.size());
    s.kv_blocks_total = 10;
    s.kv_blocks_used = static_cast<int64_t>(running_.size());
    s.prompt_tokens = 42;
    return s;
  }

 private:
  struct Running {
    uint64_t id;
    engine::Request request;
    engine::OnEvent on_event;
    bool cancelled;
  };

  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] {
        if (stopping_) return true;
        for (const Running& r : running_)
          if (!hold || r.cancelled) return true;
        return false;
      });
      if (stopping_) return;
      for (size_t i = 0; i < running_.size(); ++i) {
        if (hold && !running_[i].cancelled) continue;
        Running now = std::move(running_[i]);
        running_.erase(running_.begin() + static_cast<ptrdiff_t>(i));
        lock.unlock();
        if (now.cancelled) end_all(now, engine::Finish::cancelled);
        else if (!fail_with.empty()) end_all(now, engine::Finish::error);
        else perform(now);
        now.on_event = nullptr;
        lock.lock();
        changed_.notify_all();
        break;
      }
    }
  }

  engine::Event event(const Running& r, int index) const {
    engine::Event e;
    e.id = r.id;
    e.index = index;
    e.usage = {static_cast<int>(r.request.prompt.size()), 3, 0};
    return e;
  }
  void end_all(const Running& r, engine::Finish finish) {
    for (int index = 0; index < r.request.n; ++index) {
      engine::Event e = event(r, index);
      e.finish = finish;
      e.error = fail_with;
      r.on_event(e);
    }
  }
  engine::Generated generated(engine::Token token, int logprobs) const {
    engine::Generated g{token, -0.5f, {}};
    for (int i = 0; i < logprobs; ++i) g.top.push_back({'A' + i, -1.0f * static_cast<float>(i)});
    return g;
  }
  void perform(const Running& r) {
    const auto& s = r.request.sampling;
    const size_t most = s.max_tokens < 0 ? answer.size() : static_cast<size_t>(s.max_tokens);
    const size_t n = std::min(most, answer.size());
    for (size_t t = 0; t <= n; ++t)
      for (int index = 0; index < r.request.n; ++index) {
        engine::Event e = event(r, index);
        e.usage.completion_tokens = static_cast<int>(t + (t < n));
        if (t == 0 && index == 0 && r.request.prompt_logprobs >= 0)
          for (engine::Token p : r.request.prompt) e.prompt.push_back(generated(p, s.logprobs));
        if (t < n)
          e.tokens.push_back(generated(static_cast<unsigned char>(answer[t]), s.logprobs));
        else
          e.finish = n < answer.size() ? engine::Finish::length : engine::Finish::stop;
        r.on_event(e);
      }
  }

  ByteTokenizer tokenizer_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Running> running_;
  std::vector<engine::Request> seen_;
  uint64_t last_id_ = 0;
  bool stopping_ = false, draining_ = false;
  std::thread thread_;
};

}  // namespace strata::fleet::testing
