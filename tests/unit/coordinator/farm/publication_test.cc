#include "coordinator/farm/publication.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

namespace extfarm {
namespace {

namespace fs = std::filesystem;

// Results of workers, which are the test: they answer what they are asked.
class Publication : public testing::Test {
 protected:
  explicit Publication(std::uint64_t credit_bytes = 1000)
      : publications_(digests_, [this](WorkerId, const protocol::FetchOutput& fetch) { asked_.push_back(fetch); }, credit_bytes) {
    folder_ = fs::temp_directory_path() / ("extfarm-publication-" + std::to_string(::getpid()));
    fs::create_directories(folder_);
    action_.view_roots = {folder_.string()};
  }
  ~Publication() override { fs::remove_all(folder_); }

  void report(std::uint64_t lease, std::uint64_t size_bytes, WorkerId worker = kWorker) {
    protocol::Report report{{lease}, {}, {}};
    const std::string bytes(size_bytes, static_cast<char>('a' + lease));
    report.outcome.attestation.outputs.push_back(
        {(folder_ / std::to_string(lease)).string(), OutputKind::kFile, 0644, size_bytes, digest_of(bytes), ""});
    publications_.begin(now_, worker, action_, report);
  }
  void answer(const protocol::FetchOutput& fetch, WorkerId worker = kWorker) {
    publications_.receive(now_, worker,
                          {fetch.lease, fetch.output_index, fetch.offset_bytes, true,
                           std::string(fetch.length_bytes, static_cast<char>('a' + fetch.lease.value))});
  }
  std::vector<std::uint64_t> asked_for() const {
    std::vector<std::uint64_t> leases;
    for (const auto& fetch : asked_) leases.push_back(fetch.lease.value);
    return leases;
  }
  std::vector<std::uint64_t> published() {
    std::vector<std::uint64_t> leases;
    for (const auto& end : publications_.take_ends()) {
      EXPECT_FALSE(end.failure) << end.reason;
      leases.push_back(end.lease.value);
    }
    return leases;
  }

  static constexpr WorkerId kWorker{1};
  fs::path folder_;
  Action action_;
  Timestamp now_;
  PosixFilesystem filesystem_;
  DigestCache digests_{filesystem_};
  std::vector<protocol::FetchOutput> asked_;
  Publications publications_;
};

constexpr std::uint64_t kChunk = protocol::kChunkBytes;

class LargePublication : public Publication {
 protected:
  LargePublication() : Publication(6 * kChunk) {}
  static constexpr WorkerId kOther{2};
  // What was asked for and not answered yet, by lease and offset in chunks.
  using Asked = std::vector<std::pair<std::uint64_t, std::uint64_t>>;
  Asked take_asked() {
    Asked out;
    for (const auto& fetch : asked_) out.emplace_back(fetch.lease.value, fetch.offset_bytes / kChunk);
    taken_ = std::exchange(asked_, {});
    return out;
  }
  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& entry : fs::directory_iterator(folder_)) out.push_back(entry.path().filename());
    return out;
  }
  std::vector<protocol::FetchOutput> taken_;
};

TEST_F(Publication, NoMoreIsAskedForThanTheCreditAllowsToBeHeld) {
  for (const std::uint64_t lease : {1, 2, 3}) report(lease, 400);
  EXPECT_EQ(asked_for(), (std::vector<std::uint64_t>{1, 2}));
  EXPECT_EQ(publications_.held_bytes(), 800u);
  answer(asked_[1]);
  EXPECT_EQ(published(), std::vector<std::uint64_t>{2});
  EXPECT_EQ(asked_for(), (std::vector<std::uint64_t>{1, 2, 3}));
  answer(asked_[0]);
  answer(asked_[2]);
  EXPECT_EQ(published(), (std::vector<std::uint64_t>{1, 3}));
  EXPECT_EQ(publications_.held_bytes(), 0u);
  std::ifstream file(folder_ / "3");
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), std::string(400, 'd'));
}

TEST_F(Publication, OneLargerThanTheCreditComesAlone) {
  report(1, 10);
  report(2, 5000);
  report(3, 10);
  EXPECT_EQ(asked_for(), std::vector<std::uint64_t>{1});
  answer(asked_[0]);
  EXPECT_EQ(asked_for(), (std::vector<std::uint64_t>{1, 2}));
  answer(asked_[1]);
  EXPECT_EQ(asked_for(), (std::vector<std::uint64_t>{1, 2, 3}));
  EXPECT_EQ(published(), (std::vector<std::uint64_t>{1, 2}));
}

TEST_F(Publication, OneThatWaitsForCreditIsNotTakenForASilentOne) {
  report(1, 900);
  report(2, 900);
  now_ = now_ + std::chrono::seconds(10);
  answer(asked_[0]);
  now_ = now_ + std::chrono::seconds(10);
  publications_.advance(now_);
  EXPECT_EQ(published(), std::vector<std::uint64_t>{1});
  answer(asked_.back());
  EXPECT_EQ(published(), std::vector<std::uint64_t>{2});
}

TEST_F(Publication, TheCreditOfALostWorkersResultsIsGivenToOthers) {
  report(1, 900);
  report(2, 900);
  publications_.lose(WorkerId{2});
  EXPECT_EQ(publications_.held_bytes(), 900u);
  publications_.lose(kWorker);
  EXPECT_EQ(publications_.held_bytes(), 0u);
  EXPECT_EQ(publications_.take_ends().size(), 2u);
  report(3, 900);
  EXPECT_EQ(asked_for(), (std::vector<std::uint64_t>{1, 3}));
}

TEST_F(LargePublication, AWorkerIsAskedForAWindowAndTheOthersAreNotKeptWaiting) {
  report(1, 3 * kChunk), report(2, 3 * kChunk), report(3, 2 * kChunk, kOther);
  EXPECT_EQ(take_asked(), (Asked{{1, 0}, {1, 1}, {1, 2}, {2, 0}, {3, 0}, {3, 1}}));
  EXPECT_EQ(publications_.held_bytes(), 6 * kChunk);
  const auto asked = taken_;
  answer(asked[4], kOther);
  EXPECT_EQ(take_asked(), Asked{});  // there is credit, but the first worker has its window
  answer(asked[0]);
  EXPECT_EQ(take_asked(), (Asked{{2, 1}}));
}

TEST_F(LargePublication, OneLargerThanTheCreditIsWrittenAsItComes) {
  report(1, 9 * kChunk);
  for (std::uint64_t next = 0; next < 9; ++next) {
    EXPECT_LE(publications_.held_bytes(), 4 * kChunk);
    ASSERT_GT(asked_.size(), next);
    answer(asked_[next]);
    if (next == 4) {
      EXPECT_EQ(names().size(), 1u);
    }
  }
  EXPECT_EQ(published(), std::vector<std::uint64_t>{1});
  EXPECT_EQ(names(), std::vector<std::string>{"1"});
  EXPECT_EQ(fs::file_size(folder_ / "1"), 9 * kChunk);
}

TEST_F(LargePublication, WhatComesBehindALostPartIsAskedForAgainWithIt) {
  report(1, 3 * kChunk);
  const auto first = asked_;
  answer(first[1]), answer(first[2]);
  EXPECT_EQ(publications_.held_bytes(), 3 * kChunk);
  now_ = now_ + std::chrono::seconds(3);
  asked_.clear();
  publications_.advance(now_);
  ASSERT_EQ(take_asked(), (Asked{{1, 0}, {1, 1}, {1, 2}}));
  for (const auto& fetch : first) answer(fetch), answer(fetch);
  EXPECT_EQ(published(), std::vector<std::uint64_t>{1});
  EXPECT_EQ(publications_.held_bytes(), 0u);
}

TEST_F(LargePublication, OfABrokenOffOneNothingIsLeft) {
  report(1, 3 * kChunk), report(2, 3 * kChunk, kOther);
  answer(asked_[0]);
  publications_.receive(now_, kOther, {{2}, 0, 0, true, std::string(kChunk, 'x')});
  EXPECT_EQ(names().size(), 2u);
  publications_.lose(kWorker);
  for (const std::uint64_t offset : {kChunk, 2 * kChunk}) publications_.receive(now_, kOther, {{2}, 0, offset, true, std::string(kChunk, 'x')});
  const auto ends = publications_.take_ends();
  ASSERT_EQ(ends.size(), 2u);
  for (const auto& end : ends) EXPECT_EQ(end.failure, OutcomeClass::kInfrastructure) << end.reason;
  EXPECT_EQ(names(), std::vector<std::string>{});
  EXPECT_EQ(publications_.held_bytes(), 0u);
}

}  // namespace
}  // namespace extfarm
