// trace.json by the rules of the Chrome trace format, as Perfetto reads it.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/unit/coordinator/reporting/sample_builds.h"

namespace extfarm::reporting {
namespace {

using nlohmann::json;

json events_of(const BuildLog& log) { return json::parse(trace_of(log))["traceEvents"]; }

// What breaks a rule, a line each; empty: Perfetto shows all of it.
std::string broken_rules(const json& events) {
  std::string out;
  const auto check = [&](bool holds, const json& event, const char* rule) {
    if (!holds) out += std::string(rule) + ": " + event.dump() + "\n";
  };
  std::set<int> processes, threads;
  std::map<int, int> process_of;  // by thread
  std::map<int, std::vector<std::pair<double, double>>> spans;
  for (const auto& e : events) {
    for (const char* id : {"pid", "tid"}) check(e.value(id, json()).is_number_integer() && e[id] > 0, e, "ids are whole and above 0");
    check(e.value("name", json()).is_string(), e, "a name");
    check(process_of.emplace(e["tid"], e["pid"]).first->second == e["pid"], e, "a thread is of one process");
    if (e["ph"] == "M") {
      const bool is_sort = e["name"] == "thread_sort_index";
      check(is_sort || e["name"] == "process_name" || e["name"] == "thread_name", e, "known metadata");
      check(is_sort ? e["args"]["sort_index"].is_number_integer() : e["args"]["name"].is_string(), e, "with its value");
      if (e["name"] == "process_name") check(processes.insert(e["pid"].get<int>()).second, e, "named once");
      if (e["name"] == "thread_name") check(threads.insert(e["tid"].get<int>()).second, e, "named once");
      continue;
    }
    check(e["ph"] == "X", e, "complete events only");
    for (const char* time : {"ts", "dur"}) check(e.value(time, json()).is_number() && e[time] >= 0, e, "times are numbers from 0");
    check(e["cat"].is_string() && e["args"].is_object(), e, "category and arguments");
    check(processes.contains(e["pid"]) && threads.contains(e["tid"]), e, "process and thread are named before");
    spans[e["tid"]].emplace_back(e["ts"], e["ts"].get<double>() + e["dur"].get<double>());
  }
  for (auto& [thread, list] : spans) {
    std::sort(list.begin(), list.end());
    for (std::size_t i = 1; i < list.size(); ++i)
      if (list[i].first < list[i - 1].second - 0.5) out += "spans of thread " + std::to_string(thread) + " overlap\n";
  }
  return out;
}

TEST(TraceTest, KeepsTheRulesOfTheFormat) {
  EXPECT_EQ(broken_rules(events_of(small_build())), "");
  EXPECT_EQ(broken_rules(events_of(large_build())), "");
  EXPECT_EQ(broken_rules(events_of(BuildLog{})), "");
}

TEST(TraceTest, TheRulesAreSeenToBreak) {
  auto events = events_of(small_build());
  events.push_back({{"name", "x"}, {"ph", "X"}, {"pid", 9}, {"tid", 0}, {"ts", -1}, {"dur", 1}, {"cat", "c"}, {"args", json::object()}});
  const auto found = broken_rules(events);
  for (const char* rule : {"ids are whole", "times are numbers", "named before"}) EXPECT_NE(found.find(rule), std::string::npos) << rule;
  auto log = small_build();
  log.attempts[3].slot = 0;  // in one slot with the first two
  EXPECT_NE(broken_rules(events_of(log)).find("overlap"), std::string::npos);
}

TEST(TraceTest, IsAProcessForEachWorkerAndAThreadForEachSlot) {
  auto log = small_build();
  log.attempts[3].worker = "lab02-1";
  std::map<std::string, int> process_of;
  std::map<int, std::string> slot_of;
  int spans = 0;
  for (const auto& event : events_of(log)) {
    if (event["name"] == "process_name") process_of[event["args"]["name"]] = event["pid"];
    if (event["name"] == "thread_name") slot_of[event["tid"]] = event["args"]["name"];
    if (event["ph"] != "X") continue;
    ++spans;
    const bool is_other = event["name"] == "b.o";
    EXPECT_EQ(event["pid"], process_of[is_other ? "lab02-1" : "lab01-4711"]);
    EXPECT_EQ(slot_of[event["tid"]], is_other ? "slot 2" : "slot 1");
    EXPECT_EQ(event["args"]["longest_chain"], !is_other);
    if (!is_other) continue;
    EXPECT_DOUBLE_EQ(event["ts"], 1e6);
    EXPECT_DOUBLE_EQ(event["dur"], 3e6);
  }
  EXPECT_EQ(process_of.size(), 2u);
  EXPECT_EQ(spans, 4);
}

TEST(TraceTest, NamesThatAreNotUtf8StillMakeAValidDocument) {
  auto log = small_build();
  log.attempts[0].title = "bad\xff.c";
  EXPECT_TRUE(json::accept(trace_of(log)));
}

}  // namespace
}  // namespace extfarm::reporting
