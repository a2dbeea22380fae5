// report.html: self-contained, whatever the files of the build are called.
#include <gtest/gtest.h>

#include <algorithm>
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

// The value of a column of the attempt in that row.
json value_of(const json& data, std::size_t row, const std::string& column) {
  const auto& columns = data["columns"];
  const auto place = static_cast<std::size_t>(std::find(columns.begin(), columns.end(), column) - columns.begin());
  const auto& value = data["rows"][row].at(place);
  const auto& named = data["named"];
  return std::find(named.begin(), named.end(), column) != named.end() ? data["names"].at(value.get<std::size_t>()) : value;
}

TEST(ReportPageTest, RefersToNothingOutsideItself) {
  const auto page = page_of(large_build());
  for (const char* reference : {"src=", "href=", "url(", "@import", "https://", "http://", "fetch(", "<link", "<img"})
    EXPECT_EQ(count(page, reference), 0u) << reference;
  EXPECT_EQ(count(page, "default-src 'none'"), 1u);
  EXPECT_EQ(count(page, "{{"), 0u);
}

TEST(ReportPageTest, HoldsEveryAttemptTheWorkersTheReasonsAndTheChain) {
  const auto log = large_build();
  const auto found = embedded(page_of(log));
  ASSERT_EQ(found["rows"].size(), log.attempts.size());
  for (std::size_t i = 0; i < log.attempts.size(); ++i) {
    ASSERT_EQ(found["rows"][i].size(), found["columns"].size());
    EXPECT_EQ(value_of(found, i, "title"), log.attempts[i].title);
    EXPECT_EQ(value_of(found, i, "host"), log.attempts[i].host);
    EXPECT_EQ(value_of(found, i, "counted"), log.attempts[i].counted ? 1 : 0);
  }
  EXPECT_EQ(value_of(found, 3, "why"), log.attempts[3].reason);
  EXPECT_EQ(found["workers"].size(), 3u);
  EXPECT_EQ(embedded(page_of(small_build()))["chain"], (json{1, 2, 3}));
}

TEST(ReportPageTest, SaysWhatRanLocallyWhyHowLongAndWhichCommands) {
  auto log = small_build();
  log_local(log, {"/p", {"gcc", "-E", "a.c"}, "preprocesses only"});
  for (int i = 0; i < 3; ++i) log_local(log, {"/p", {}, "reads stdin"});
  log.local_seconds["preprocesses only"] = 1.5;
  EXPECT_EQ(embedded(page_of(log))["local"],
            (json{{{"why", "reads stdin"}, {"times", 3}, {"seconds", 0.0}, {"commands", json::array()}},
                  {{"why", "preprocesses only"}, {"times", 1}, {"seconds", 1.5}, {"commands", {"gcc -E a.c"}}}}));
}

TEST(ReportPageTest, TwentyThousandAttemptsTakeLessThanThreeMegabytes) {
  auto log = small_build();
  for (std::uint64_t i = 5; i <= 20'000; ++i)
    log.attempts.push_back(attempt_of(i, 101.123 + 0.017 * static_cast<double>(i), 1.2345, "compile", "package/module" + std::to_string(i) + ".o", {i - 1}));
  EXPECT_LT(page_of(log).size(), 3'000'000u);
}

TEST(ReportPageTest, TimesStartWithTheFirstSubmission) {
  const auto found = embedded(page_of(small_build()));
  EXPECT_DOUBLE_EQ(value_of(found, 1, "start"), 1);
  EXPECT_DOUBLE_EQ(value_of(found, 1, "end"), 5);
  EXPECT_DOUBLE_EQ(found["farm_wall"], 8);
}

TEST(ReportPageTest, AWorkerKnownFromAnAttemptAloneHasItsPlace) {
  auto log = small_build();
  log.workers.clear();
  const auto found = embedded(page_of(log));
  ASSERT_EQ(found["workers"].size(), 1u);
  EXPECT_EQ(found["workers"][0]["id"], "lab01-4711");
}

TEST(ReportPageTest, LossesAreReadableWithoutTheScript) {
  const auto page = page_of(small_build());
  const auto losses = page.substr(page.find("<section id=\"losses\">"));
  for (const char* part : {"<span>work</span>", "<b>62.5 %</b>", "<b>25.0 %</b>", "the longest chain is too long"})
    EXPECT_GE(count(losses, part), 1u) << part;
  EXPECT_EQ(count(losses, "<span>memory</span>"), 0u);  // cost nothing
}

TEST(ReportPageTest, NoNameEndsTheScriptOrBecomesMarkup) {
  const std::string hostile = "</script><script>alert(1)</script><!--<script><b onclick='x' a=\"y\">&amp;";
  auto log = small_build();
  const auto harmless = page_of(log);
  log.attempts[0].title = hostile;
  log.attempts[0].group = log.attempts[0].reason = log.keep(hostile);
  log_local(log, {hostile, {hostile, hostile}, hostile});
  log.command = log.project_root = log.status = hostile;
  const auto page = page_of(log);
  EXPECT_EQ(count(page, "<script"), count(harmless, "<script"));
  EXPECT_EQ(count(page, "</script>"), count(harmless, "</script>"));
  EXPECT_EQ(count(page, "<!--"), 0u);
  EXPECT_EQ(count(page, "<b onclick"), 0u);
  EXPECT_EQ(value_of(embedded(page), 0, "title"), hostile);
}

TEST(ReportPageTest, BytesThatAreNotUtf8DoNotBreakIt) {
  auto log = small_build();
  log.command = log.attempts[0].title = "bad\xff.c";
  const auto page = page_of(log);
  EXPECT_EQ(page.find('\xff'), std::string::npos);
  EXPECT_EQ(value_of(embedded(page), 0, "title"), "bad\xEF\xBF\xBD.c");
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
  EXPECT_EQ(embedded(page)["rows"], json::array());
  EXPECT_TRUE(page.ends_with("</html>\n"));
}

}  // namespace
}  // namespace extfarm::reporting
