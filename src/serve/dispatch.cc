#include "serve/dispatch.h"

#include "base/clock.h"
#include "base/log.h"
#include "serve/error.h"

namespace strata::serve {
namespace {

constexpr size_t inline_body_bytes = 32u << 10;   // longer ones go to the workers

void refuse(Service& service, net::Exchange& exchange, const Error& error) {
  service.metrics.refused(http_status(error.code()));
  reply_error(exchange, error);
}

/// What compiles a grammar or is long would hold the other connections of an I/O thread up.
bool takes_long(const std::string& body) {
  if (body.size() > inline_body_bytes) return true;
  for (const char* field : {"\"response_format\"", "\"structured_outputs\"", "\"guided_",
                            "\"grammar\"", "\"json_schema\"", "\"tools\"", "\"format\"",
                            "\"output_format\""})
    if (body.find(field) != body.npos) return true;
  return false;
}

/// What work throws becomes the reply.
template <class Work>
void guarded(Service& service, const std::shared_ptr<net::Exchange>& exchange, Work&& work) {
  const net::Request& request = exchange->request();
  try {
    work();
  } catch (const Error& e) {
    log::debug("{} {}: {}", request.method, request.path, e.what());
    refuse(service, *exchange, e);
  } catch (const std::exception& e) {
    log::error("{} {}: {}", request.method, request.path, e.what());
    refuse(service, *exchange, Error(Code::internal, "internal error: see the server's log"));
  }
}

/// Short requests on the calling I/O thread, long ones on a worker.
void schedule(Service& service, const std::shared_ptr<net::Exchange>& exchange, bool is_io_thread,
              std::function<void()> job) {
  guarded(service, exchange, [&] {
    if (takes_long(exchange->request().body)) service.workers.post(std::move(job));
    else if (is_io_thread) job();
    else service.server.post(std::move(job));
  });
}

std::string model_of(const Json& body) {
  if (!body.is_object()) return {};   // the endpoint says what is wrong with it
  const auto model = body.find("model");
  if (model == body.end() || model->is_null()) return {};
  check(string(), "model", *model);
  return model->get<std::string>();
}

void perform(const std::shared_ptr<Call>& call, ModelEndpoint endpoint) {
  guarded(call->service, call->exchange, [&] { endpoint(*call); });
}

void acquire_and_perform(Service& service, ModelEndpoint endpoint,
                         const std::shared_ptr<net::Exchange>& exchange) {
  const double arrived_s = now_s();
  auto call = std::make_shared<Call>(service, exchange, parse_json(exchange->request().body),
                                     arrived_s);
  auto later = [call, endpoint](fleet::Lease lease, const Error* error) {
    if (error) return refuse(call->service, *call->exchange, *error);
    call->model = std::move(lease);
    schedule(call->service, call->exchange, false, [call, endpoint] { perform(call, endpoint); });
  };
  if (fleet::Lease lease = service.fleet->acquire(model_of(call->body), std::move(later))) {
    call->model = std::move(lease);
    endpoint(*call);
  }
}

}  // namespace

void dispatch(Service& service, const Route& route, std::shared_ptr<net::Exchange> exchange) {
  if (service.draining && exchange->request().method == "POST")
    return reply_error(*exchange, Error(Code::unavailable, "the server is shutting down"));
  schedule(service, exchange, true, [&service, endpoint = route.endpoint, exchange] {
    guarded(service, exchange, [&] {
      if (const auto* plain = std::get_if<Endpoint>(&endpoint)) (*plain)(service, exchange);
      else acquire_and_perform(service, std::get<ModelEndpoint>(endpoint), exchange);
    });
  });
}

}  // namespace strata::serve
