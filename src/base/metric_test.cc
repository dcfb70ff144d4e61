#include "base/metric.h"

#include <gtest/gtest.h>

#include <thread>

namespace strata {
namespace {

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

TEST(Metrics, ExposesCountersAndGaugesWithLabels) {
  Metrics m;
  const Counter requests = m.counter("requests_total", "Requests.", {{"code", "200"}});
  requests.add();
  requests.add(2);
  m.gauge("running", "Running sequences.").set(4.5);
  m.counter("odd_total", "Odd.", {{"model", "a\"b\\c\nd"}}).add();
  const std::string text = m.text();
  EXPECT_TRUE(has_line(text, "# HELP requests_total Requests.")) << text;
  EXPECT_TRUE(has_line(text, "# TYPE requests_total counter")) << text;
  EXPECT_TRUE(has_line(text, "requests_total{code=\"200\"} 3")) << text;
  EXPECT_TRUE(has_line(text, "# TYPE running gauge")) << text;
  EXPECT_TRUE(has_line(text, "running 4.5")) << text;
  EXPECT_TRUE(has_line(text, "odd_total{model=\"a\\\"b\\\\c\\nd\"} 1")) << text;
  EXPECT_EQ(requests.value(), 3);
}

TEST(Metrics, ExposesCumulativeBuckets) {
  Metrics m;
  const Histogram h = m.histogram("latency_seconds", "Latency.", {0.1, 1, 10});
  for (const double value : {0.05, 0.1, 0.5, 5.0, 50.0}) h.observe(value);
  const std::string text = m.text();
  EXPECT_TRUE(has_line(text, "latency_seconds_bucket{le=\"0.1\"} 2")) << text;
  EXPECT_TRUE(has_line(text, "latency_seconds_bucket{le=\"1\"} 3")) << text;
  EXPECT_TRUE(has_line(text, "latency_seconds_bucket{le=\"10\"} 4")) << text;
  EXPECT_TRUE(has_line(text, "latency_seconds_bucket{le=\"+Inf\"} 5")) << text;
  EXPECT_TRUE(has_line(text, "latency_seconds_count 5")) << text;
}

TEST(Metrics, SameNameAndLabelsIsTheSameSeries) {
  Metrics m;
  m.counter("c_total", "C.", {{"a", "1"}}).add();
  m.counter("c_total", "C.", {{"a", "1"}}).add();
  m.counter("c_total", "C.", {{"a", "2"}}).add(7);
  EXPECT_EQ(m.counter("c_total", "C.", {{"a", "1"}}).value(), 2);
  EXPECT_EQ(m.counter("c_total", "C.", {{"a", "2"}}).value(), 7);
}

TEST(Metrics, SeriesAreBounded) {
  Metrics m;
  for (int i = 0; i < Metrics::kSeriesMax + 100; ++i)
    m.counter("c_total", "C.", {{"user", std::to_string(i)}}).add();
  EXPECT_EQ(m.counter("c_total", "C.", {{"user", "0"}}).value(), 1);
  EXPECT_EQ(m.counter("c_total", "C.", {{"user", "anyone"}}).value(), 100);
  EXPECT_TRUE(has_line(m.text(), "c_total{user=\"other\"} 100"));
}

TEST(Metrics, UpdatesRunBeforeTheText) {
  Metrics m;
  int scrapes = 0;
  m.before_text([&] { m.gauge("scrapes", "Scrapes.").set(++scrapes); });
  EXPECT_TRUE(has_line(m.text(), "scrapes 1"));
  EXPECT_TRUE(has_line(m.text(), "scrapes 2"));
}

TEST(Metrics, CountsFromManyThreads) {
  Metrics m;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) m.counter("c_total", "C.").add();
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(m.counter("c_total", "C.").value(), 4000);
}

TEST(Metrics, MisuseIsABug) {
  Metrics m;
  m.counter("c_total", "C.");
  EXPECT_DEATH(m.gauge("c_total", "C."), "check failed");
  EXPECT_DEATH(m.counter("bad name", "B."), "check failed");
}

TEST(Metrics, ExponentialBuckets) {
  EXPECT_EQ(exponential_buckets(1, 2, 4), (std::vector<double>{1, 2, 4, 8}));
}

}  // namespace
}  // namespace strata
