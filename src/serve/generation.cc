#include "serve/generation.h"

#include "base/clock.h"
#include "base/log.h"
#include "serve/access.h"
#include "serve/error.h"

namespace strata::serve {

Generation::Generation(const Call& call, const GenerationRequest& request,
                       std::vector<Prompt> prompts, std::unique_ptr<AnswerForm> form)
    : service_(call.service.weak_from_this()),
      model_(call.model),
      exchange_(call.exchange),
      request_(request),
      arrived_s_(call.arrived_s),
      form_(std::move(form)) {
  for (Prompt& p : prompts) {
    std::optional<Echo> echo;
    if (p.echo) echo = Echo{std::move(*p.echo), {}};
    prompts_.push_back({std::move(p), std::move(echo), {}, 0});
  }
  for (const PromptState& p : prompts_)
    for (int i = 0; i < request_.n; ++i)
      choices_.push_back(
          {.index = static_cast<int>(choices_.size()),
           .stream = engine::TextStream(model_->tokenizer(), request_.stop, request_.skip_special,
                                        request_.include_stop, request_.kept_special),
           .reader = PartReader(request_.reading),
           .echo = p.echo ? &*p.echo : nullptr});
}

Generation::~Generation() {
  if (service_.lock()) settle();   // else model and database are gone
}

void Generation::settle() {
  if (ticket_) ticket_->settle(model_->card.name, usage());
  ticket_.reset();
}

void Generation::start(const Call& call, const GenerationRequest& request,
                       std::vector<Prompt> prompts, std::unique_ptr<AnswerForm> form) {
  auto generation =
      std::make_shared<Generation>(call, request, std::move(prompts), std::move(form));
  generation->submit(call.service);
  generation->open();
}

/// The request's sampling with the token ids that its strings stand for.
static engine::SamplingParams resolve(const GenerationRequest& request, fleet::TokenSets& sets) {
  engine::SamplingParams sampling = request.sampling;
  sampling.bad_words = sets.forms(request.bad_words);
  if (sampling.dry_multiplier > 0)
    sampling.dry_breakers = sets.containing(request.dry_sequence_breakers);
  return sampling;
}

void Generation::submit(Service& service) {
  try {
    engine::SamplingParams sampling = resolve(request_, model_->token_sets);
    const uint32_t tenant = service.tenant_of(exchange_->request());
    ticket_ = service.keys.ticket(tenant);
    if (ticket_) {
      int64_t prompt_tokens = 0;
      for (const PromptState& p : prompts_) prompt_tokens += std::ssize(p.prompt.ids);
      sampling.max_tokens = ticket_->reserve({.prompt_tokens = prompt_tokens,
                                              .wanted = sampling.max_tokens,
                                              .longest = model_->card.max_model_len,
                                              .n = static_cast<int>(choices_.size())});
    }
    for (size_t p = 0; p < prompts_.size(); ++p) {
      engine::Request request;
      request.prompt = prompts_[p].prompt.ids;
      request.sampling = sampling;
      request.n = request_.n;
      request.priority = request_.priority;
      request.tenant = tenant;
      request.cache_salt = request_.cache_salt;
      request.deadline_s = request_.deadline_s;
      request.prompt_logprobs = request_.prompt_logprobs;
      request.constraint = request_.constraint;
      if (prompts_[p].echo)
        request.prompt_logprobs = std::max(request.prompt_logprobs, request_.sampling.logprobs);
      const uint64_t id = model_->backend->submit(
          std::move(request),
          [self = shared_from_this(), p](const engine::Event& event) { self->push(p, event); });
      std::lock_guard lock(mutex_);
      ids_.push_back(id);
    }
  } catch (...) {
    ticket_.reset();
    cancel_all();
    throw;
  }
}

void Generation::open() {
  if (request_.stream)
    exchange_->start(200, form_->content_type(),
                     {{"Cache-Control", "no-cache"}, {"X-Accel-Buffering", "no"}});
  exchange_->on_disconnect([weak = weak_from_this()] {
    if (auto self = weak.lock()) self->cancel_all();
  });
  process();
}

void Generation::cancel_all() {
  std::vector<uint64_t> ids;
  std::deque<Arrival> dropped;
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
    ids.swap(ids_);
    dropped.swap(arrivals_);
  }
  if (service_.lock())   // else the model is gone with it
    for (uint64_t id : ids) model_->backend->cancel(id);
}

void Generation::push(size_t prompt, const engine::Event& event) {
  const auto service = service_.lock();
  if (!service) return;
  {
    std::lock_guard lock(mutex_);
    if (closed_) return;
    arrivals_.push_back({prompt, event});
    if (processing_) return;
    processing_ = true;
  }
  service->server.post([self = shared_from_this()] { self->process(); });
}

void Generation::process() {
  const auto service = service_.lock();
  for (;;) {
    std::deque<Arrival> round;
    {
      std::lock_guard lock(mutex_);
      round.swap(arrivals_);
      if (round.empty() || closed_ || !service) {
        processing_ = false;
        return;
      }
    }
    for (Arrival& arrival : round)
      if (!ended_) take(*service, arrival);
    if (!ended_ && !out_.empty()) exchange_->send(std::exchange(out_, {}));
    if (!ended_ && n_finished_ == choices_.size()) complete();
  }
}

void Generation::take(Service& service, Arrival& arrival) {
  engine::Event& event = arrival.event;
  PromptState& prompt = prompts_[arrival.prompt];
  Choice& choice = choices_[arrival.prompt * static_cast<size_t>(request_.n) +
                            static_cast<size_t>(event.index)];
  // A stop string ends a choice here before the engine learns of it.
  if (choice.finish != Finish::none) return;
  if (event.finish == engine::Finish::error)
    return fail_answer(service, Error(Code::internal, event.error));
  if (event.finish == engine::Finish::cancelled)
    return fail_answer(service, Error(Code::unavailable, "the server ended the request: it is "
                                                         "shutting down"));
  if (event.finish == engine::Finish::expired)
    return fail_answer(service, Error(Code::unavailable, "the request was not complete at its "
                                                         "deadline", "deadline_exceeded",
                                      "deadline_ms"));
  prompt.cached_tokens = event.usage.cached_tokens;
  if (request_.prompt_logprobs >= 0 && !event.prompt.empty()) prompt.scores = event.prompt;
  if (prompt.echo && !event.prompt.empty()) prompt.echo->tokens = std::move(event.prompt);

  const ModelMetrics& metrics = service.metrics.of(model_->card.name);
  std::string text;
  take_tokens(metrics, choice, arrival, text);
  if (event.finish != engine::Finish::none && choice.finish == Finish::none) {
    text += choice.stream.flush();
    choice.finish = event.finish == engine::Finish::length ? Finish::length : Finish::stop;
    choice.completion_tokens = event.usage.completion_tokens;
  }
  const bool last = choice.finish != Finish::none;
  const std::vector<Part> parts = choice.reader.push(text, last);
  if (choice.reader.reasons()) choice.reasoning_tokens = choice.completion_tokens;
  if (last) {
    ++n_finished_;
    if (choice.finish != Finish::length && choice.reader.called()) choice.finish = Finish::calls;
    metrics.finished(choice.finish == Finish::length ? "length" : "stop", now_s() - arrived_s_,
                     usage_of(choice, prompt));
  }
  if (request_.stream && (!text.empty() || last || (!choice.begun && prompt.echo)))
    write(choice, prompt, parts);
}

void Generation::take_tokens(const ModelMetrics& metrics, Choice& choice, Arrival& arrival,
                             std::string& text) {
  auto& tokens = arrival.event.tokens;
  if (tokens.empty()) return;
  const double now = now_s();
  if (!std::exchange(first_token_seen_, true)) metrics.first_token(now - arrived_s_);
  if (choice.last_s > 0)
    metrics.next_tokens(now - choice.last_s, static_cast<int>(tokens.size()));
  choice.last_s = now;
  for (engine::Generated& token : tokens) {
    ++choice.completion_tokens;
    auto piece = choice.stream.push(token.token);
    text += piece.text;
    if (request_.sampling.logprobs >= 0) choice.tokens.push_back(std::move(token));
    if (piece.stopped) {
      choice.finish = Finish::stop_string;
      choice.stop = piece.stop;
      model_->backend->finish(arrival.event.id, arrival.event.index);
      return;
    }
  }
}

void Generation::write(Choice& choice, const PromptState& prompt, std::span<const Part> parts) {
  form_->write({.choice = choice,
                .parts = parts,
                .tokens = choice.tokens,
                .last = choice.finish != Finish::none,
                .usage = usage_of(choice, prompt)},
               out_);
  choice.begun = true;
  choice.tokens.clear();
}

AnswerUsage Generation::usage_of(const Choice& choice, const PromptState& prompt) const {
  return {{static_cast<int>(prompt.prompt.ids.size()), prompt.cached_tokens,
           choice.completion_tokens},
          choice.reasoning_tokens};
}

AnswerUsage Generation::usage() const {
  AnswerUsage total;
  for (const PromptState& p : prompts_) {
    total.prompt_tokens += static_cast<int>(p.prompt.ids.size());
    total.cached_tokens += p.cached_tokens;
  }
  for (const Choice& c : choices_) {
    total.completion_tokens += c.completion_tokens;
    total.reasoning_tokens += c.reasoning_tokens;
  }
  return total;
}

void Generation::complete() {
  ended_ = true;
  settle();
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
    ids_.clear();
  }
  if (request_.stream) {
    form_->write_end(usage(), out_);
    exchange_->send(std::exchange(out_, {}));
    exchange_->end();
    return;
  }
  for (Choice& c : choices_) c.prompt = prompts_[static_cast<size_t>(c.index / request_.n)].scores;
  exchange_->reply(200, "application/json", form_->whole(choices_, usage()));
}

void Generation::fail_answer(Service& service, const Error& error) {
  {
    std::lock_guard lock(mutex_);
    if (closed_) return;   // the client is gone: that is why it was cancelled
  }
  ended_ = true;
  cancel_all();
  service.metrics.refused(http_status(error.code()));
  log::error("generation: {}", error.what());
  if (!request_.stream) return reply_error(*exchange_, error);
  form_->write_error(error, out_);
  exchange_->send(std::exchange(out_, {}));
  exchange_->end();
}

}  // namespace strata::serve
