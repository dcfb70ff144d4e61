// Metrics of the process: counters, gauges and histograms with labels, exposed as Prometheus text.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
}  // namespace prometheus

namespace strata {

using Labels = std::vector<std::pair<std::string, std::string>>;

/// Handles to one series: copy freely, use from any thread; valid as long as their Metrics.
class Counter {
 public:
  void add(double n = 1) const;   // n >= 0
  double value() const;

 private:
  friend class Metrics;
  explicit Counter(prometheus::Counter& c) : counter_(&c) {}
  prometheus::Counter* counter_;
};

class Gauge {
 public:
  void set(double value) const;
  void add(double n) const;
  double value() const;

 private:
  friend class Metrics;
  explicit Gauge(prometheus::Gauge& g) : gauge_(&g) {}
  prometheus::Gauge* gauge_;
};

class Histogram {
 public:
  void observe(double value) const;

 private:
  friend class Metrics;
  explicit Histogram(prometheus::Histogram& h) : histogram_(&h) {}
  prometheus::Histogram* histogram_;
};

class Metrics {
 public:
  /// Series of one name; beyond it every label value becomes "other", so that labels taken from
  /// requests cannot fill the memory.
  static constexpr int kSeriesMax = 512;

  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;

  /// The series of a name and label values, made on first use. Units belong in the name
  /// ("_seconds", "_bytes"; counters end in "_total"). One name has one kind and set of buckets.
  /// Cost: a lock and a look-up; keep the handle on paths that run often.
  Counter counter(const std::string& name, const std::string& help, const Labels& labels = {});
  Gauge gauge(const std::string& name, const std::string& help, const Labels& labels = {});
  /// buckets: upper bounds, ascending; the last, infinite one is implied.
  Histogram histogram(const std::string& name, const std::string& help,
                      const std::vector<double>& buckets, const Labels& labels = {});

  /// Called before each exposition, to bring gauges up to date. It may use this Metrics. The caller
  /// keeps what `update` refers to alive as long as the Metrics.
  void before_text(std::function<void()> update);

  /// Text exposition format 0.0.4.
  std::string text();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The registry that the process exposes.
Metrics& metrics();

/// n bounds: first, first * factor, first * factor^2, ...
std::vector<double> exponential_buckets(double first, double factor, int n);

}  // namespace strata
