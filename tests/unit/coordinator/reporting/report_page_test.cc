// report.html: self-contained, whatever the files of the build are called.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/coordinator/reporting/sample_builds.h"

namespace extfarm::reporting {
namespace {

using nlohmann::json;

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t out = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++out;
  return out;
}

json embedded(const std::string& page) {
  const std::string open = "<script type=\"application/json\" id=\"log\">";
  const auto begin = page.find(open) + open.size();
  return json::parse(page.substr(begin, page.find("</script>", begin) - begin));
}

TEST(ReportPageTest, RefersToNothingOutsideItself) {
  const auto page = page_of(large_build());
  for (const char* reference : {"src=", "href=", "url(", "@import", "https://", "fetch(", "<link", "<img"})
    EXPECT_EQ(count(page, reference), 0u) << reference;
  EXPECT_EQ(count(page, "http://"), count(page, "http://www.w3.org/2000/svg"));  // a name, not an address
  EXPECT_EQ(count(page, "default-src 'none'"), 1u);
}

TEST(ReportPageTest, HoldsEveryAttemptTheWorkersTheReasonsAndTheChain) {
  const auto log = large_build();
  const auto found = embedded(page_of(log));
  ASSERT_EQ(found["attempts"].size(), log.attempts.size());
  EXPECT_EQ(found["attempts"][3]["title"], log.attempts[3].title);
  EXPECT_EQ(found["workers"].size(), 3u);
  EXPECT_EQ(found["local"]["reads stdin"], 3);
  EXPECT_EQ(found["attempts"][3]["why"], log.attempts[3].reason);
  EXPECT_EQ(embedded(page_of(small_build()))["chain"], (json{1, 2, 3}));
}

TEST(ReportPageTest, TimesStartWithTheFirstSubmission) {
  const auto found = embedded(page_of(small_build()));
  EXPECT_DOUBLE_EQ(found["attempts"][1]["start"], 1);
  EXPECT_DOUBLE_EQ(found["attempts"][1]["end"], 5);
  EXPECT_DOUBLE_EQ(found["farm_wall"], 8);
}

TEST(ReportPageTest, AWorkerKnownFromAnAttemptAloneHasItsPlace) {
  auto log = small_build();
  log.workers.clear();
  const auto found = embedded(page_of(log));
  ASSERT_EQ(found["workers"].size(), 1u);
  EXPECT_EQ(found["workers"][0]["id"], "lab01-4711");
}

TEST(ReportPageTest, NoNameEndsTheScriptOrBecomesMarkup) {
  const std::string hostile = "</script><script>alert(1)</script><!--<script><b onclick='x' a=\"y\">&amp;";
  auto log = small_build();
  const auto harmless = page_of(log);
  log.attempts[0].title = hostile;
  log.attempts[0].group = log.attempts[0].reason = log.keep(hostile);
  log.local_reasons[hostile] = 1;
  log.command = log.project_root = log.status = hostile;
  const auto page = page_of(log);
  EXPECT_EQ(count(page, "<script"), count(harmless, "<script"));
  EXPECT_EQ(count(page, "</script>"), count(harmless, "</script>"));
  EXPECT_EQ(count(page, "<!--"), 0u);
  EXPECT_EQ(count(page, "<b onclick"), 0u);
  EXPECT_EQ(embedded(page)["attempts"][0]["title"], hostile);
}

TEST(ReportPageTest, BytesThatAreNotUtf8DoNotBreakIt) {
  auto log = small_build();
  log.command = log.attempts[0].title = "bad\xff.c";
  const auto page = page_of(log);
  EXPECT_EQ(page.find('\xff'), std::string::npos);
  EXPECT_EQ(embedded(page)["attempts"][0]["title"], "bad\xEF\xBF\xBD.c");
}

TEST(ReportPageTest, TheFiguresCanBeReadWithoutTheScript) {
  const auto page = page_of(small_build());
  const auto body = page.substr(0, page.find("<script"));
  for (const char* figure :
       {"<dd>10.0 s</dd>", "<dd>88 %</dd>", "8.00 s", "7.00 s", "10.0 s of work / 2 slots"})
    EXPECT_GE(count(body, figure), 1u) << figure;
  EXPECT_EQ(count(page, "<noscript>"), 1u);
}

TEST(ReportPageTest, AnEmptyBuildHasAPageToo) {
  const auto page = page_of(BuildLog{});
  EXPECT_EQ(embedded(page)["attempts"], json::array());
  EXPECT_TRUE(page.ends_with("</html>\n"));
}

}  // namespace
}  // namespace extfarm::reporting
