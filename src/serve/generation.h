// Runs a validated generation request: submits its prompts, turns the engine's events into an
// answer on the I/O threads, and stops the engine when the client goes away.
#pragma once
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "serve/answer.h"
#include "serve/generation_request.h"
#include "serve/service.h"

namespace strata::serve {

class Generation : public std::enable_shared_from_this<Generation> {
 public:
  /// Errors: those of Engine::submit; then nothing has been replied and nothing goes on running.
  static void start(const Call& call, const GenerationRequest& request,
                    std::vector<Prompt> prompts, std::unique_ptr<AnswerForm> form);

  Generation(const Call& call, const GenerationRequest& request, std::vector<Prompt> prompts,
             std::unique_ptr<AnswerForm> form);
  ~Generation();   // what was used counts, also where the client went away

 private:
  struct Arrival {
    size_t prompt;
    engine::Event event;
  };
  struct PromptState {
    Prompt prompt;
    std::optional<Echo> echo;
    std::vector<engine::Generated> scores;   // prompt_logprobs
    int cached_tokens = 0;
  };

  void submit(Service& service);
  void open();
  void cancel_all();                                  // any thread

  void push(size_t prompt, const engine::Event& event);   // on the engine's thread
  void process();                                     // on an I/O thread, one at a time
  void take(Service& service, Arrival& arrival);
  void take_tokens(const ModelMetrics& metrics, Choice& choice, Arrival& arrival,
                   std::string& text);
  void write(Choice& choice, const PromptState& prompt, std::span<const Part> parts);
  void complete();
  void settle();
  void fail_answer(Service& service, const Error& error);
  AnswerUsage usage() const;
  AnswerUsage usage_of(const Choice& choice, const PromptState& prompt) const;

  const std::weak_ptr<Service> service_;
  const fleet::Lease model_;         // held until the last event has been delivered
  const std::shared_ptr<net::Exchange> exchange_;
  const GenerationRequest request_;
  const double arrived_s_;

  std::mutex mutex_;                 // of the next four
  std::deque<Arrival> arrivals_;
  bool processing_ = true;           // until open(): nothing may be sent before the head
  bool closed_ = false;              // nothing more is to be taken
  std::vector<uint64_t> ids_;

  std::shared_ptr<Ticket> ticket_;   // null: no key, no quota

  // Of whoever processes.
  const std::unique_ptr<AnswerForm> form_;
  std::vector<PromptState> prompts_;
  std::vector<Choice> choices_;
  size_t n_finished_ = 0;
  bool first_token_seen_ = false;
  bool ended_ = false;               // the response is complete
  std::string out_;                  // events written in this round
};

}  // namespace strata::serve
