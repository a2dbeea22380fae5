#include "coordinator/live_page/metrics.h"

#include <fmt/format.h>

#include <initializer_list>
#include <utility>

namespace extfarm::live_page {
namespace {

using nlohmann::json;
using Labels = std::initializer_list<std::pair<const char*, std::string>>;

std::string label_value(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out;
}

class Text {
 public:
  // Samples of a name follow its description.
  void describe(const std::string& name, const std::string& what) {
    name_ = name;
    out_ += fmt::format("# HELP {} {}\n# TYPE {} gauge\n", name, what, name);
  }
  // Nothing where `value` is no number.
  void sample(const json& value, Labels labels = {}) {
    if (!value.is_number()) return;
    out_ += name_;
    const char* before = "{";
    for (const auto& [label, text] : labels) {
      out_ += fmt::format("{}{}=\"{}\"", before, label, label_value(text));
      before = ",";
    }
    out_ += fmt::format("{} {}\n", labels.size() == 0 ? "" : "}", value.dump());
  }
  // One for each number in an object, its key as a label.
  void samples(const json& object, const char* label) {
    if (!object.is_object()) return;
    for (const auto& [key, value] : object.items()) sample(value, {{label, key}});
  }
  std::string take() { return std::move(out_); }

 private:
  std::string name_, out_;
};

json at(const json& object, const char* key) { return object.is_object() && object.contains(key) ? object[key] : json(); }

std::string word(const json& object, const char* key) {
  const auto value = at(object, key);
  return value.is_string() ? value.get<std::string>() : "";
}

json number(bool yes) { return yes ? 1 : 0; }

void put_build(const json& build, Text& out) {
  out.describe("extfarm_build_running", "1 while a build runs in the folder that is served.");
  out.sample(number(build.is_object()));
  out.describe("extfarm_build_elapsed_seconds", "How long it has run.");
  out.sample(at(build, "elapsed"));
  out.describe("extfarm_build_left_seconds", "How long what was submitted will still take, as predicted.");
  out.sample(at(build, "left"));
  out.describe("extfarm_build_slots", "Slots that take actions of this build now.");
  out.sample(at(build, "slots"));
  out.describe("extfarm_build_returned_bytes", "Bytes of results that have come home.");
  out.sample(at(build, "bytes_returned"));
  out.describe("extfarm_build_actions", "Actions of the running build by what became of them; total counts them all.");
  out.samples(at(build, "actions"), "state");
}

void put_workers(const State& state, Text& out) {
  const json& workers = state.build.is_object() ? at(state.build, "workers") : state.workers;
  const auto each = [&](const char* name, const char* what, const auto& value) {
    out.describe(name, what);
    for (const auto& worker : workers) out.sample(value(worker), {{"worker", word(worker, "id")}, {"host", word(worker, "host")}});
  };
  each("extfarm_worker_slots", "Slots of each worker: of the build, or while none runs of all that are announced.",
       [](const json& worker) { return at(worker, "slots"); });
  each("extfarm_worker_running", "Attempts in its slots.", [](const json& worker) {
    const auto running = at(worker, "running");
    return running.is_array() ? json(running.size()) : json();
  });
  each("extfarm_worker_queued", "Attempts that were sent to it and wait there.", [](const json& worker) { return at(worker, "queued"); });
  each("extfarm_worker_finished", "Attempts whose results were used.", [](const json& worker) { return at(worker, "finished"); });
  each("extfarm_worker_takes_actions", "0 while it is silent, drains, is lost or in quarantine.", [](const json& worker) {
    const auto takes = at(worker, "takes_actions");
    return takes.is_boolean() ? number(takes.get<bool>()) : json();
  });
}

void put_last_build(const State& state, Text& out) {
  const json& last = state.last;
  out.describe("extfarm_last_build_end_timestamp_seconds", "When the last build ended, in seconds since 1970.");
  out.sample(last.is_null() ? json() : json(state.last_end_s));
  out.describe("extfarm_last_build_exit_code", "Its exit code.");
  out.sample(at(last, "exit_code"));
  out.describe("extfarm_last_build_efficiency", "The best possible time divided by the time it took.");
  out.sample(at(last, "efficiency"));
  out.describe("extfarm_last_build_farmed_share", "Share of the work, probes apart, that ran on workers.");
  out.sample(at(last, "farmed_share"));
  out.describe("extfarm_last_build_slots", "Slots of its workers.");
  out.sample(at(last, "slots"));
  out.describe("extfarm_last_build_seconds", "Its wall time, work and bounds.");
  out.samples(at(last, "seconds"), "kind");
  out.describe("extfarm_last_build_actions", "Its actions by what became of them; total counts them all.");
  out.samples(at(last, "actions"), "state");
  out.describe("extfarm_last_build_slot_seconds", "Where the time of its slots went.");
  out.samples(at(last, "slot_seconds"), "use");
}

}  // namespace

std::string metrics_text(const State& state) {
  Text out;
  put_build(state.build, out);
  put_workers(state, out);
  put_last_build(state, out);
  return out.take();
}

}  // namespace extfarm::live_page
