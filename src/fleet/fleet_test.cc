// Models that come and go, with scripted backends: what is loaded when, and who is told.
#include "fleet/fleet.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <random>
#include <thread>

#include "base/clock.h"
#include "fleet/testing/scripted_backend.h"

namespace strata::fleet {
namespace {

constexpr size_t model_bytes = 100;

/// A backend that counts itself.
class CountedBackend : public testing::ScriptedBackend {
 public:
  CountedBackend(std::atomic<int>& alive, std::atomic<int>& most) : alive_(alive) {
    const int now = ++alive_;
    for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {}
  }
  ~CountedBackend() override { --alive_; }

 private:
  std::atomic<int>& alive_;
};

class FleetTest : public ::testing::Test {
 protected:
  /// Models "m0" ... of model_bytes each; files named "bad" cannot be read.
  std::unique_ptr<OpenedModel> open(const ModelSpec& spec) {
    struct Opened : OpenedModel {
      explicit Opened(FleetTest& t) : test(t) {}
      size_t bytes() const override { return model_bytes; }
      std::unique_ptr<Backend> load(const OnProgress& on_progress) override {
        ++test.loads;
        on_progress(0.5);
        test.gate.wait();
        return std::make_unique<CountedBackend>(test.alive, test.most_alive);
      }
      FleetTest& test;
    };
    if (spec.path == "bad" && !repaired) fail(Code::data_loss, "bad: truncated");
    return std::make_unique<Opened>(*this);
  }

  Fleet& start(int n, FleetOptions options = {}) {
    std::vector<ModelSpec> specs;
    for (int i = 0; i < n; ++i) specs.push_back({.names = {"m" + std::to_string(i)}});
    return start(std::move(specs), std::move(options));
  }
  Fleet& start(std::vector<ModelSpec> specs, FleetOptions options = {}) {
    fleet = std::make_unique<Fleet>(
        std::move(specs), [this](const ModelSpec& spec) { return open(spec); },
        std::move(options));
    return *fleet;
  }
  void open_gate() { opened.set_value(); }
  void SetUp() override { open_gate(); }
  /// Loads wait from now on.
  void close_gate() {
    opened = {};
    gate = opened.get_future().share();
  }
  bool eventually(const std::function<bool()>& condition) {
    for (int i = 0; i < 2000 && !condition(); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return condition();
  }
  Code code_of(const std::function<void()>& action) {
    try {
      action();
    } catch (const Error& e) {
      return e.code();
    }
    ADD_FAILURE() << "no error";
    return Code::internal;
  }

  std::atomic<int> loads = 0, alive = 0, most_alive = 0;
  std::atomic<bool> repaired = false;
  std::promise<void> opened;
  std::shared_future<void> gate = opened.get_future().share();
  std::unique_ptr<Fleet> fleet;
};

/// Asks a model for an answer and waits for its end.
std::string ask(Model& model) {
  std::promise<void> ended;
  std::string text;
  engine::Request request;
  request.prompt = {104, 105};
  model.backend->submit(std::move(request), [&](const engine::Event& event) {
    for (const auto& g : event.tokens) text += model.tokenizer().piece(g.token);
    if (event.finish != engine::Finish::none) ended.set_value();
  });
  ended.get_future().wait();
  return text;
}

TEST_F(FleetTest, TenModelsAtRandomWhereThreeFit) {
  constexpr int threads = 8, rounds = STRATA_TEST_SHORT ? 40 : 400;
  start(10, {.memory_bytes = 3 * model_bytes});
  std::atomic<int> answers = 0;
  std::vector<std::thread> clients;
  for (int t = 0; t < threads; ++t)
    clients.emplace_back([&, t] {
      std::mt19937 random(static_cast<unsigned>(t));
      for (int i = 0; i < rounds; ++i) {
        const std::string name = "m" + std::to_string(random() % 10);
        const Lease lease = fleet->wait_for(name);
        EXPECT_EQ(lease->card.name, name);
        EXPECT_EQ(ask(*lease), "hello");
        ++answers;
      }
    });
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(answers, threads * rounds);
  EXPECT_LE(most_alive, 3);
  EXPECT_GE(loads, STRATA_TEST_SHORT ? 100 : 1000);
  EXPECT_LE(fleet->memory_used(), 3 * model_bytes);
}

TEST_F(FleetTest, AColdModelIsLoadedOnceForAll) {
  start(2);
  close_gate();
  std::vector<std::thread> clients;
  for (int i = 0; i < 5; ++i) clients.emplace_back([&] { fleet->wait_for("m1"); });
  ASSERT_TRUE(eventually([&] { return fleet->state("m1").waiting == 5; }));
  const ModelState state = fleet->state("m1");
  EXPECT_EQ(state.phase, Phase::loading);
  EXPECT_EQ(state.progress, 0.5);
  open_gate();
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(loads, 1);
  EXPECT_EQ(fleet->state("m1").phase, Phase::ready);
  EXPECT_EQ(fleet->state("m0").phase, Phase::cold);
}

TEST_F(FleetTest, WhatCannotBeLoadedFailsForThoseWhoWait) {
  start({{.names = {"broken"}, .path = "bad"}, {.names = {"good"}}});
  EXPECT_EQ(code_of([&] { fleet->wait_for("broken"); }), Code::data_loss);
  EXPECT_EQ(ask(*fleet->wait_for("good")), "hello");
  EXPECT_EQ(code_of([&] { fleet->wait_for("broken"); }), Code::data_loss);
  repaired = true;
  EXPECT_EQ(ask(*fleet->wait_for("broken")), "hello");
}

TEST_F(FleetTest, TheLongestUnusedGoesAndPinnedOnesStay) {
  std::vector<ModelSpec> specs = {{.names = {"pinned"}, .pinned = true},
                                  {.names = {"a"}}, {.names = {"b"}}, {.names = {"c"}}};
  start(specs, {.memory_bytes = 3 * model_bytes});
  fleet->load_pinned();
  for (const char* name : {"a", "b", "a", "c"}) fleet->wait_for(name);
  EXPECT_EQ(fleet->state("pinned").phase, Phase::ready);
  EXPECT_EQ(fleet->state("a").phase, Phase::ready);
  EXPECT_EQ(fleet->state("b").phase, Phase::cold);
  EXPECT_EQ(fleet->state("c").phase, Phase::ready);
  EXPECT_EQ(code_of([&] { fleet->unload("pinned"); }), Code::permission_denied);
  EXPECT_EQ(code_of([&] { fleet->remove("pinned"); }), Code::permission_denied);
}

TEST_F(FleetTest, WhatNeverFitsIsRefusedAtOnce) {
  start({{.names = {"pinned"}, .pinned = true}, {.names = {"a"}}},
        {.memory_bytes = 2 * model_bytes - 1});
  fleet->load_pinned();
  EXPECT_EQ(code_of([&] { fleet->wait_for("a"); }), Code::resource_exhausted);
}

TEST_F(FleetTest, ABusyModelFinishesBeforeItMakesRoom) {
  start(2, {.memory_bytes = model_bytes});
  Lease busy = fleet->wait_for("m0");
  std::promise<void> came;
  const Lease none = fleet->acquire("m1", [&](Lease lease, const Error*) {
    EXPECT_TRUE(lease);
    lease.reset();
    came.set_value();
  });
  EXPECT_FALSE(none);
  ASSERT_TRUE(eventually([&] { return fleet->state("m0").phase == Phase::leaving; }));
  EXPECT_EQ(ask(*busy), "hello");
  // Who asks for it now waits until it is back.
  std::promise<void> again;
  EXPECT_FALSE(fleet->acquire("m0", [&](Lease, const Error* e) {
    EXPECT_FALSE(e);
    again.set_value();
  }));
  busy.reset();
  came.get_future().wait();
  again.get_future().wait();
  EXPECT_EQ(most_alive, 1);
  EXPECT_EQ(loads, 3);
}

TEST_F(FleetTest, IdleModelsGoAfterTheirTime) {
  start(3, {.keep_alive_s = 0.02});
  fleet->wait_for("m0");
  EXPECT_TRUE(eventually([&] { return fleet->state("m0").phase == Phase::cold; }));
  fleet->wait_for("m1");
  fleet->keep_alive("m1", -1);
  EXPECT_LT(fleet->state("m1").expires_in_s, 0);
  {
    const Lease used = fleet->wait_for("m2");
    fleet->keep_alive("m2", 0);
    EXPECT_EQ(fleet->state("m2").phase, Phase::ready);
  }
  EXPECT_TRUE(eventually([&] { return fleet->state("m2").phase == Phase::cold; }));
  EXPECT_EQ(fleet->state("m1").phase, Phase::ready);
}

TEST_F(FleetTest, LookingAtAModelDoesNotKeepIt) {
  start(1, {.keep_alive_s = 0.05});
  fleet->wait_for("m0");
  EXPECT_TRUE(eventually([&] {
    fleet->each([](Model& model) { model.backend->stats(); });
    return fleet->state("m0").phase == Phase::cold;
  }));
}

TEST_F(FleetTest, Names) {
  start({{.names = {"org/main", "second"}, .aliases = {"/files/main.gguf"}}, {.names = {"other"}}});
  for (const char* name : {"org/main", "second", "/files/main.gguf", "second:latest"})
    EXPECT_EQ(fleet->wait_for(name)->card.name, "org/main");
  EXPECT_EQ(code_of([&] { fleet->wait_for("nope"); }), Code::not_found);
  EXPECT_EQ(code_of([&] { fleet->wait_for(""); }), Code::invalid_argument);
  EXPECT_EQ(code_of([&] { fleet->add({.names = {"new", "second"}}); }), Code::already_exists);
  fleet->remove("other");
  EXPECT_EQ(fleet->wait_for("")->card.name, "org/main");
}

TEST_F(FleetTest, ModelsAppearAndGo) {
  std::atomic<bool> pulled = false;
  start(0, {.discover = [&] {
          return pulled ? std::vector<ModelSpec>{{.names = {"new"}}} : std::vector<ModelSpec>{};
        }});
  EXPECT_EQ(code_of([&] { fleet->wait_for("new"); }), Code::not_found);
  pulled = true;
  EXPECT_EQ(ask(*fleet->wait_for("new")), "hello");
  EXPECT_EQ(fleet->list().size(), 1u);
  pulled = false;
  {
    const Lease lease = fleet->wait_for("new");
    fleet->remove("new");
    EXPECT_EQ(ask(*lease), "hello");
  }
  EXPECT_TRUE(eventually([&] { return fleet->list().empty(); }));
  EXPECT_EQ(alive, 0);
}

TEST_F(FleetTest, DrainingRefusesWhoWaits) {
  start(1);
  close_gate();
  std::promise<Code> told;
  fleet->acquire("m0", [&](Lease, const Error* e) { told.set_value(e ? e->code() : Code{}); });
  ASSERT_TRUE(eventually([&] { return fleet->state("m0").phase == Phase::loading; }));
  EXPECT_TRUE(fleet->drain(1));
  EXPECT_EQ(told.get_future().get(), Code::unavailable);
  EXPECT_EQ(code_of([&] { fleet->wait_for("m0"); }), Code::unavailable);
  open_gate();
}

}  // namespace
}  // namespace strata::fleet
