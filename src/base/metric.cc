#include "base/metric.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <exception>
#include <map>
#include <mutex>
#include <set>

#include "base/check.h"

namespace strata {

struct Metrics::Impl {
  prometheus::Registry registry;
  std::mutex mutex;
  std::map<std::string, std::set<prometheus::Labels>> series;   // by name
  std::vector<std::function<void()>> updates;

  // The labels under which the series is kept: the given ones, or the overflow series'.
  prometheus::Labels admit(const std::string& name, const Labels& given) {
    prometheus::Labels labels(given.begin(), given.end());
    std::set<prometheus::Labels>& known = series[name];
    if (known.size() >= kSeriesMax && !known.contains(labels))
      for (auto& [key, value] : labels) value = "other";
    known.insert(labels);
    return labels;
  }

  // A wrong name, or one name for two kinds, is a bug of the code that asks for it.
  template <class Builder, class... A>
  auto& add(Builder&& builder, const std::string& name, const std::string& help,
            const Labels& labels, const A&... arguments) {
    const std::lock_guard lock(mutex);
    try {
      auto& family = builder.Name(name).Help(help).Register(registry);
      return family.Add(admit(name, labels), arguments...);
    } catch (const std::exception&) {
      STRATA_CHECK(!"a metric's name or labels are malformed, or its name has another kind");
    }
  }
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

Counter Metrics::counter(const std::string& name, const std::string& help, const Labels& labels) {
  return Counter(impl_->add(prometheus::BuildCounter(), name, help, labels));
}

Gauge Metrics::gauge(const std::string& name, const std::string& help, const Labels& labels) {
  return Gauge(impl_->add(prometheus::BuildGauge(), name, help, labels));
}

Histogram Metrics::histogram(const std::string& name, const std::string& help,
                             const std::vector<double>& buckets, const Labels& labels) {
  STRATA_CHECK(std::is_sorted(buckets.begin(), buckets.end()));
  return Histogram(impl_->add(prometheus::BuildHistogram(), name, help, labels, buckets));
}

void Metrics::before_text(std::function<void()> update) {
  const std::lock_guard lock(impl_->mutex);
  impl_->updates.push_back(std::move(update));
}

std::string Metrics::text() {
  std::vector<std::function<void()>> updates;
  {
    const std::lock_guard lock(impl_->mutex);
    updates = impl_->updates;
  }
  for (const auto& update : updates) update();
  return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

Metrics& metrics() {
  // Never destroyed: threads may count until the process ends.
  static Metrics* const process = new Metrics;
  return *process;
}

void Counter::add(double n) const { counter_->Increment(n); }
double Counter::value() const { return counter_->Value(); }
void Gauge::set(double value) const { gauge_->Set(value); }
void Gauge::add(double n) const { gauge_->Increment(n); }
double Gauge::value() const { return gauge_->Value(); }
void Histogram::observe(double value) const { histogram_->Observe(value); }

std::vector<double> exponential_buckets(double first, double factor, int n) {
  STRATA_CHECK(first > 0 && factor > 1 && n > 0);
  std::vector<double> bounds;
  for (double bound = first; n-- > 0; bound *= factor) bounds.push_back(bound);
  return bounds;
}

}  // namespace strata
