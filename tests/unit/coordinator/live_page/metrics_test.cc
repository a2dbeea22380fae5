// /metrics by the rules of Prometheus's text format; doc/report.md and the
// dashboard by the names that are really printed.
#include "coordinator/live_page/metrics.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "coordinator/reporting/live_build.h"

namespace extfarm::live_page {
namespace {

using nlohmann::json;

State full_state() {
  reporting::LiveBuild build;
  build.project_root = "/home/ada/project";
  build.total = 48, build.done = 20, build.running = 3;
  build.left_seconds = 12.5;
  build.workers = {{"lab01-4711", "lab01", 4, true, 12, {{"a.o", "compile", "g", 1}}, 2},
                   {"od\"d\\\nname", "lab02", 2, false, 8, {}, 0}};
  State state;
  state.build = json::parse(reporting::live_build_json(build));
  state.last = json::parse(R"({"status":"ok","exit_code":0,"efficiency":0.9,"farmed_share":1.0,"slots":6,
    "seconds":{"wall":9.5,"lower_bound":8.0},"actions":{"total":48,"fresh":1},"slot_seconds":{"work":40.0,"memory":0.0}})");
  state.last_end_s = 1'700'000'000;
  return state;
}

struct Family {
  std::vector<std::string> samples;
  std::set<std::string> labels;
};

// By name; fails the test where the text breaks a rule of the format.
std::map<std::string, Family> families_of(const std::string& text) {
  static const std::regex kSample(R"(([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (-?[0-9.]+(?:e[-+]?[0-9]+)?))");
  static const std::regex kLabel(R"(([a-z_]+)="(?:[^"\\\n]|\\[\\"n])*")");
  std::map<std::string, Family> out;
  std::set<std::string> series;
  std::string name, line;
  std::istringstream lines(text);
  EXPECT_TRUE(text.ends_with('\n'));
  while (std::getline(lines, line)) {
    std::smatch match;
    if (line.starts_with("# HELP ")) {
      name = line.substr(7, line.find(' ', 7) - 7);
      EXPECT_TRUE(out.emplace(name, Family{}).second) << name << " twice";
    } else if (line.starts_with("# ")) {
      EXPECT_EQ(line, "# TYPE " + name + " gauge");
    } else if (std::regex_match(line, match, kSample)) {
      EXPECT_EQ(match[1], name) << "a sample apart from its description";
      EXPECT_TRUE(series.insert(line.substr(0, line.rfind(' '))).second) << line << " twice";
      out[name].samples.push_back(line);
      const std::string labels = match[2];
      for (std::sregex_iterator it(labels.begin(), labels.end(), kLabel), end; it != end; ++it) out[name].labels.insert((*it)[1]);
    } else {
      ADD_FAILURE() << line;
    }
  }
  return out;
}

std::string file(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream(std::string(EXTFARM_SOURCE_DIR) + path).rdbuf();
  return out.str();
}

std::set<std::string> names_in(const std::string& text) {
  static const std::regex kName("extfarm_[a-z_]+");
  return {std::sregex_token_iterator(text.begin(), text.end(), kName), {}};
}

template <class Map>
std::set<std::string> keys(const Map& map) {
  std::set<std::string> out;
  for (const auto& [key, value] : map) out.insert(key);
  return out;
}

TEST(MetricsTest, KeepTheFormatAndSayWhatIsKnown) {
  const auto text = metrics_text(full_state());
  const auto found = families_of(text);
  for (const auto& [name, family] : found) EXPECT_FALSE(family.samples.empty()) << name;
  for (const char* line : {"extfarm_build_running 1\n", "extfarm_build_left_seconds 12.5\n", "extfarm_build_actions{state=\"done\"} 20\n",
                           "extfarm_worker_running{worker=\"lab01-4711\",host=\"lab01\"} 1\n", "extfarm_worker_queued{worker=\"lab01-4711\",host=\"lab01\"} 2\n",
                           "extfarm_worker_takes_actions{worker=\"od\\\"d\\\\\\nname\",host=\"lab02\"} 0\n",
                           "extfarm_last_build_seconds{kind=\"wall\"} 9.5\n", "extfarm_last_build_end_timestamp_seconds 1700000000\n"})
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
}

TEST(MetricsTest, WithoutABuildEveryNameIsThereAndOnlyWhatIsKnownHasASample) {
  State state;
  state.workers.push_back({{"id", "lab01-1"}, {"host", "lab01"}, {"slots", 4}, {"endpoint", "tcp://lab01:7170"}});
  const auto found = families_of(metrics_text(state));
  EXPECT_EQ(keys(found), keys(families_of(metrics_text(full_state()))));
  EXPECT_EQ(found.at("extfarm_build_running").samples, std::vector<std::string>{"extfarm_build_running 0"});
  EXPECT_EQ(found.at("extfarm_worker_slots").samples.size(), 1u);
  EXPECT_TRUE(found.at("extfarm_last_build_seconds").samples.empty());
}

TEST(MetricsTest, TheDocumentListsThemAndNoOthers) {
  EXPECT_EQ(names_in(file("/doc/report.md")), keys(families_of(metrics_text(full_state()))));
}

TEST(MetricsTest, TheDashboardAsksForNamesAndLabelsThatAreThere) {
  const auto found = families_of(metrics_text(full_state()));
  const auto dashboard = json::parse(file("/doc/grafana-dashboard.json"));
  static const std::regex kSelected("(extfarm_[a-z_]+)(?:\\{([a-z_]+)=)?");
  static const std::regex kLegend("\\{\\{([a-z_]+)\\}\\}");
  std::set<std::string> asked;
  int queries = 0;
  for (const auto& panel : dashboard.at("panels")) {
    for (const auto& target : panel.at("targets")) {
      ++queries;
      const auto query = target.at("expr").get<std::string>(), legend = target.value("legendFormat", "");
      std::string name;
      for (std::sregex_iterator it(query.begin(), query.end(), kSelected), end; it != end; ++it) {
        name = (*it)[1];
        asked.insert(name);
        ASSERT_TRUE(found.contains(name)) << query;
        EXPECT_TRUE(!(*it)[2].matched || found.at(name).labels.contains((*it)[2])) << query;
      }
      EXPECT_FALSE(name.empty()) << query;
      for (std::sregex_iterator it(legend.begin(), legend.end(), kLegend), end; it != end; ++it)
        EXPECT_TRUE(found.at(name).labels.contains((*it)[1])) << query << " " << legend;
    }
  }
  EXPECT_GT(queries, 8);
  EXPECT_GT(asked.size(), 8u);
}

}  // namespace
}  // namespace extfarm::live_page
