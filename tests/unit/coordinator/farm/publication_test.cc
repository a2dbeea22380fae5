#include "coordinator/farm/publication.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace extfarm {
namespace {

namespace fs = std::filesystem;

// Results of one worker, which is the test: it answers what it is asked.
class Publication : public testing::Test {
 protected:
  Publication() {
    folder_ = fs::temp_directory_path() / ("extfarm-publication-" + std::to_string(::getpid()));
    fs::create_directories(folder_);
    action_.view_roots = {folder_.string()};
  }
  ~Publication() override { fs::remove_all(folder_); }

  void report(std::uint64_t lease, std::uint64_t size_bytes) {
    protocol::Report report{{lease}, {}, {}};
    const std::string bytes(size_bytes, static_cast<char>('a' + lease));
    report.outcome.attestation.outputs.push_back(
        {(folder_ / std::to_string(lease)).string(), OutputKind::kFile, 0644, size_bytes, digest_of(bytes), ""});
    publications_.begin(now_, kWorker, action_, report);
  }
  void answer(const protocol::FetchOutput& fetch) {
    publications_.receive(now_, kWorker,
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
  Publications publications_{digests_, [this](WorkerId, const protocol::FetchOutput& fetch) { asked_.push_back(fetch); },
                             1000};
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

}  // namespace
}  // namespace extfarm
