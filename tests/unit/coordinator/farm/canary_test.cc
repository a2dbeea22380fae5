// Whom to believe when hosts disagree.
#include "coordinator/farm/canary.h"

#include <gtest/gtest.h>

namespace extfarm {
namespace {

using std::chrono::seconds;

Outcome outcome(const std::string& bytes, const std::string& header = "h") {
  Outcome out;
  out.outcome_class = OutcomeClass::kSucceeded;
  out.attestation.inputs = {{"/p/a.h", digest_of(header)}, {"/p/a.c", digest_of("c")}};
  out.attestation.outputs.push_back({"/p/a.o", OutputKind::kFile, 0644, bytes.size(), digest_of(bytes), ""});
  return out;
}

class CanaryTest : public testing::Test {
 protected:
  CanaryTest() { action_.argv = {"gcc"}; }
  void publish(const std::string& host, const std::string& bytes, bool is_local = false) {
    canary_.add(now_, action_, host, is_local, outcome(bytes));
  }
  Canary::Repeat next() {
    now_ = now_ + seconds(2);
    auto due = canary_.due(now_);
    EXPECT_EQ(due.size(), 1u);
    return due.empty() ? Canary::Repeat{} : due.front();
  }
  void repeat(const std::string& host, const std::string& bytes, bool is_local = false) {
    canary_.answer(now_, next().id, host, is_local, outcome(bytes));
  }
  void nobody() { canary_.give_up(now_, next().id); }
  // "wrong hosts/right host", or nothing.
  std::string verdict() {
    std::string out;
    for (const auto& verdict : canary_.take_verdicts()) {
      for (const auto& host : verdict.wrong) out += host + " ";
      out += "/" + verdict.right;
    }
    EXPECT_TRUE(canary_.is_idle());
    return out;
  }
  Canary canary_{1000, 7};
  Action action_;
  Timestamp now_;
};

TEST_F(CanaryTest, TwoThatAgreeAreBelieved) {
  publish("a", "x");
  EXPECT_EQ(next().not_on, std::set<std::string>{"a"});
  EXPECT_TRUE(canary_.due(now_).empty()) << "it is asked for once";
  canary_.answer(now_, 1, "b", false, outcome("x"));
  EXPECT_EQ(verdict(), "");
  EXPECT_EQ(canary_.counts().agreed, 1u);
}

TEST_F(CanaryTest, AThirdHostDecides) {
  publish("a", "x"), repeat("b", "y");
  const auto third = next();
  EXPECT_EQ(third.not_on, (std::set<std::string>{"a", "b"}));
  canary_.answer(now_, third.id, "c", false, outcome("x"));
  EXPECT_EQ(verdict(), "b /a");
  publish("a", "x"), repeat("b", "y"), repeat("c", "y");
  EXPECT_EQ(verdict(), "a /b");
  EXPECT_EQ(canary_.counts().differed, 2u);
}

TEST_F(CanaryTest, TheThirdRunIsFurtherApartThanACompiledInSecond) {
  publish("a", "12:00:00"), repeat("b", "12:00:01");
  EXPECT_TRUE(canary_.due(now_ + seconds(1)).empty());
  EXPECT_GT(*canary_.next_deadline(), now_ + seconds(1));
  repeat("c", "12:00:03");
  EXPECT_EQ(verdict(), "");
  EXPECT_EQ(canary_.counts().not_reproducible, 1u);
}

TEST_F(CanaryTest, TheSubmittingHostIsRightAgainstAnyNumber) {
  publish("a", "x", true), repeat("b", "y"), repeat("c", "y");
  EXPECT_EQ(verdict(), "b c /a");
  publish("a", "x"), repeat("b", "y", true), repeat("c", "x");
  EXPECT_EQ(verdict(), "a c /b");
}

TEST_F(CanaryTest, OfTwoHostsOneSaysItAgain) {
  publish("a", "x"), repeat("b", "y"), nobody();
  const auto again = next();
  EXPECT_EQ(again.on, "a");
  canary_.answer(now_, again.id, "a", false, outcome("y"));  // it has once erred
  EXPECT_EQ(verdict(), "a /b");
  publish("a", "x"), repeat("b", "y"), nobody(), repeat("a", "z");
  EXPECT_EQ(verdict(), "");
  publish("a", "x"), repeat("b", "y"), nobody(), repeat("a", "x");
  EXPECT_EQ(verdict(), "a b /") << "both insist: nobody knows";
  publish("a", "x"), repeat("b", "y", true), nobody();
  const auto local = next();
  EXPECT_EQ(local.on, "b");
  canary_.answer(now_, local.id, "b", true, outcome("y"));
  EXPECT_EQ(verdict(), "a /b");
}

TEST_F(CanaryTest, WhatNobodyCanRepeatOrSomebodyHasEditedIsLeft) {
  publish("a", "x"), nobody();
  EXPECT_EQ(verdict(), "");
  publish("a", "x");
  canary_.answer(now_, next().id, "b", false, outcome("y", "edited"));
  EXPECT_EQ(verdict(), "");
  EXPECT_EQ(canary_.counts().unanswered, 2u);
}

TEST(CanaryChoice, TakesAboutSoManyOfAThousandAndOthersEachTime) {
  const auto chosen = [](std::uint32_t per_thousand, std::uint64_t salt) {
    const Canary canary(per_thousand, salt);
    std::set<int> out;
    for (int i = 0; i < 10'000; ++i) {
      if (canary.chooses(digest_of(std::to_string(i)))) out.insert(i);
    }
    return out;
  };
  EXPECT_TRUE(chosen(0, 1).empty());
  EXPECT_EQ(chosen(1000, 1).size(), 10'000u);
  EXPECT_NEAR(static_cast<double>(chosen(20, 1).size()), 200, 60);
  EXPECT_NE(chosen(20, 1), chosen(20, 2));
}

TEST(CanaryResult, EachPartOfAResultCounts) {
  const auto base = digest_of_result(outcome("x"));
  EXPECT_EQ(digest_of_result(outcome("x")), base);
  const auto with = [](auto change) {
    auto other = outcome("x");
    change(other);
    return digest_of_result(other);
  };
  EXPECT_NE(with([](Outcome& o) { o.attestation.outputs[0].mode = 0755; }), base);
  EXPECT_NE(with([](Outcome& o) { o.attestation.outputs[0].path = "/p/b.o"; }), base);
  EXPECT_NE(with([](Outcome& o) { o.stderr_bytes = "warning"; }), base);
  EXPECT_NE(with([](Outcome& o) { o.exit_code = 1; }), base);
  EXPECT_EQ(with([](Outcome& o) { o.run_time = seconds(1); }), base);
}

}  // namespace
}  // namespace extfarm
