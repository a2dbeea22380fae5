// Each stamp is found where its format keeps it, and nothing else passes for one.
#include "coordinator/verification/known_causes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>

namespace extfarm::verification {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::int64_t kNoon = 1'700'049'600;  // 2023-11-15 12:00:00 UTC

class KnownCauses : public testing::Test {
 protected:
  void SetUp() override {
    ::setenv("TZ", "UTC", 1);
    ::tzset();
  }
  std::vector<std::string> causes(const std::string& path, const std::string& plain, const std::string& farmed) {
    return explain_bytes(path, plain, farmed, evidence_).causes;
  }
  // The plain build ran for ten seconds at noon, the farmed one a minute later.
  Evidence evidence_{{kNoon, kNoon + 10}, {kNoon + 60, kNoon + 70}, {}};
};

TEST_F(KnownCauses, ATimeOfTheBuildIsTheClock) {
  EXPECT_THAT(causes("a.o", "x 12:00:05 y", "x 12:01:03 y"), ElementsAre("__TIME__"));
}

TEST_F(KnownCauses, ATimeOutsideTheBuildIsNot) {
  EXPECT_THAT(causes("a.o", "x 12:00:05 y", "x 13:01:03 y"), IsEmpty());
  EXPECT_THAT(causes("a.o", "x 11:00:05 y", "x 12:01:03 y"), IsEmpty());
}

TEST_F(KnownCauses, ADateOfTheBuildIsTheClock) {
  evidence_.farmed = {kNoon + 86'400, kNoon + 86'410};
  EXPECT_THAT(causes("a.o", "Nov 15 2023", "Nov 16 2023"), ElementsAre("__DATE__"));
  EXPECT_THAT(causes("a.o", "Nov 15 2023", "Nov 17 2023"), IsEmpty());
}

TEST_F(KnownCauses, OneByteBesideTheStampIsUnexplained) {
  const auto why = explain_bytes("a.o", "x 12:00:05 y", "x 12:01:03 z", evidence_);
  EXPECT_THAT(why.causes, IsEmpty());
  EXPECT_EQ(why.first_unexplained, 11u);
}

TEST_F(KnownCauses, FilesOfDifferentLengthAreUnexplainedAtTheEndOfTheShorter) {
  const auto why = explain_bytes("a.o", "same", "same and more", evidence_);
  EXPECT_THAT(why.causes, IsEmpty());
  EXPECT_EQ(why.first_unexplained, 4u);
}

TEST_F(KnownCauses, ABuildIdFollowsFromSomethingElse) {
  const std::string head = std::string("\x7f" "ELF....") + std::string("\x04\0\0\0\x08\0\0\0\x03\0\0\0GNU\0", 16);
  const auto why = explain_bytes("a.so", head + "AAAAAAAA 12:00:05", head + "BBBBBBBB 12:00:05", evidence_);
  EXPECT_THAT(why.causes, ElementsAre("build-id"));
  EXPECT_TRUE(why.follows_only);
}

TEST_F(KnownCauses, TheNamesOfLtoSectionsAreChance) {
  const std::string head("\x7f" "ELF.gnu.lto_.icf.");
  EXPECT_THAT(causes("a.o", head + "97355e5a6c6fbfb9" + '\0', head + "d3b5f9abad29c48d" + '\0'),
              ElementsAre("-flto without -frandom-seed"));
  EXPECT_THAT(causes("a.o", head + "97355e5a" + '\0', head + "d3b5f9ab" + '\0'), IsEmpty());
}

TEST_F(KnownCauses, TheNameOfATemporaryObjectInTheSymbolTableIsChance) {
  const std::string head("\x7f" "ELF.\0cc", 8), tail(".o\0", 3);
  EXPECT_THAT(causes("a.so", head + "LOKTD1" + tail, head + "Xgb4zQ" + tail),
              ElementsAre("name of the compiler's temporary file"));
  EXPECT_THAT(causes("a.so", head + "LOKT/1" + tail, head + "Xgb4/Q" + tail), IsEmpty());
}

TEST_F(KnownCauses, AStampOfCoverageIsKnownByItsGcno) {
  const std::string left("oncg*22BAAAA....", 16), right("oncg*22BBBBB....", 16);
  EXPECT_THAT(causes("a.gcno", left, right), ElementsAre("--coverage's stamp"));
  EXPECT_THAT(causes("a.o", "..AAAA..", "..BBBB.."), IsEmpty());
  evidence_.coverage_stamps.emplace_back(coverage_stamp(left), coverage_stamp(right));
  EXPECT_THAT(causes("a.o", "..AAAA..", "..BBBB.."), ElementsAre("--coverage's stamp"));
}

std::string zip_of_one(const std::string& time, const std::string& name) {
  const std::string local = std::string("PK\3\4\x14\0\0\0\0\0", 10) + time + std::string(12, '\0') +
                            std::string("\1\0\0\0", 4) + name;
  const std::string central = std::string("PK\1\2\x14\0\x14\0\0\0\0\0", 12) + time + std::string(12, '\0') +
                              std::string("\1\0", 2) + std::string(16, '\0') + name;
  return local + central + std::string("PK\5\6\0\0\0\0\1\0\1\0", 12) + std::string("\x2f\0\0\0", 4) +
         std::string(1, static_cast<char>(local.size())) + std::string(5, '\0');
}

TEST_F(KnownCauses, TheTimeOfAZipMemberIsTheClockAndItsNameIsNot) {
  EXPECT_THAT(causes("a.whl", zip_of_one("AAAA", "n"), zip_of_one("BBBB", "n")), ElementsAre("time of a zip member"));
  EXPECT_THAT(causes("a.whl", zip_of_one("AAAA", "n"), zip_of_one("BBBB", "m")), IsEmpty());
}

std::string ar_of_one(const std::string& time, const std::string& content) {
  auto size = std::to_string(content.size());
  size.resize(10, ' ');
  return "!<arch>\na.o/            " + time + "0     0     100644  " + size + "`\n" + content;
}

TEST_F(KnownCauses, TheTimeOfAnArMemberIsTheClockAndItsContentIsNot) {
  EXPECT_THAT(causes("a.a", ar_of_one("1700049600  ", "body"), ar_of_one("1700049660  ", "body")),
              ElementsAre("time of an ar member"));
  EXPECT_THAT(causes("a.a", ar_of_one("1700049600  ", "body"), ar_of_one("1700049660  ", "bodY")), IsEmpty());
}

TEST_F(KnownCauses, TheHeaderOfGzipAndOfPycHoldsATime) {
  const std::string gzip("\x1f\x8b\x08\x00", 4), rest("\x00\x03payload", 9);
  EXPECT_THAT(causes("a.gz", gzip + "AAAA" + rest, gzip + "BBBB" + rest), ElementsAre("time in a gzip header"));
  const std::string pyc("\xa7\x0d\r\n\0\0\0\0", 8), code("\x05\0\0\0code", 8);
  EXPECT_THAT(causes("a.pyc", pyc + "AAAA" + code, pyc + "BBBB" + code), ElementsAre("time of the source in a .pyc"));
  EXPECT_THAT(causes("a.bin", pyc + "AAAA" + code, pyc + "BBBB" + code), IsEmpty());
}

}  // namespace
}  // namespace extfarm::verification
