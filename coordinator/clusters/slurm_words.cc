#include "coordinator/clusters/slurm_words.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <sstream>

namespace extfarm::clusters {
namespace {

constexpr std::int64_t kLongestSeconds = 1'000'000'000;  // more is no limit, and fits no clock
constexpr Duration kDrainLead = std::chrono::seconds(60);  // what --signal says

template <class T>
std::optional<T> number_in(std::string_view text) {
  T out{};
  const auto end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, out);
  if (text.empty() || read.ec != std::errc{} || read.ptr != end) return std::nullopt;
  return out;
}

// For a shell.
std::string quoted(const std::string& word) {
  std::string out = "'";
  for (char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// "1-02:03:04", "03:04", "4"
std::optional<Duration> time_in(std::string_view text) {
  std::int64_t total = 0;
  const auto dash = text.find('-');
  if (dash != std::string_view::npos) {
    const auto days = number_in<std::uint32_t>(text.substr(0, dash));
    if (!days) return std::nullopt;
    total = *days;
    text.remove_prefix(dash + 1);
    if (std::count(text.begin(), text.end(), ':') != 2) return std::nullopt;
    total *= 24;
  }
  std::int64_t rest = 0;
  for (bool is_first = true;; is_first = false) {
    const auto colon = std::min(text.find(':'), text.size());
    const auto part = number_in<std::uint32_t>(text.substr(0, colon));
    if (!part) return std::nullopt;
    rest = rest * 60 + *part + (is_first && dash != std::string_view::npos ? total : 0);
    if (rest > kLongestSeconds) return std::nullopt;
    if (colon == text.size()) return std::chrono::seconds(rest);
    text.remove_prefix(colon + 1);
  }
}

std::string joined(const Words& words) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

}  // namespace

std::string job_script(const SlurmJobRequest& request) {
  Words words{quoted(request.worker),
              "--bind 'tcp://*:*'",
              "--idle-exit " + std::to_string(static_cast<long>(seconds(request.idle_exit))),
              "--rendezvous " + quoted(request.rendezvous),
              "--key-folder " + quoted(request.key_folder),
              "--label " + quoted("slurm:" + request.job_name + ":") +
                  R"("${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}.${SLURM_RESTART_COUNT:-0}")"};
  for (const auto& option : request.worker_options) words.push_back(quoted(option));
  return "#!/bin/sh\ncd /\nexec " + joined(words) + "\n";
}

// Of an option that comes twice the last one counts: the user's after what may
// be changed, and after them what everything else here relies upon.
Words sbatch_words(const SlurmJobRequest& request, std::uint32_t count) {
  Words words{"sbatch", "--nodes=1", "--ntasks=1", "--cpus-per-task=" + std::to_string(request.slots),
              "--requeue", "--signal=B:USR1@" + std::to_string(static_cast<long>(seconds(kDrainLead)))};
  const auto add = [&](const char* option, const std::string& value) {
    if (!value.empty()) words.push_back(option + value);
  };
  add("--time=", request.time_limit);
  add("--partition=", request.partition);
  add("--account=", request.account);
  words.insert(words.end(), request.sbatch_options.begin(), request.sbatch_options.end());
  words.insert(words.end(), {"--open-mode=append", "--output=" + request.log_folder + "/%A_%a.log",
                             "--job-name=" + request.job_name, "--array=0-" + std::to_string(count - 1), "--parsable"});
  return words;
}

std::optional<std::string> read_submitted(std::string_view output) {
  output = output.substr(0, output.find_first_of(";\n"));
  return number_in<std::uint64_t>(output) ? std::optional(std::string(output)) : std::nullopt;
}

Words squeue_words(const std::string& job_name, const std::string& user) {
  return {"squeue", "--noheader", "--array", "--states=all", "--user=" + user, "--name=" + job_name,
          "--Format=ArrayJobID:24,ArrayTaskID:24,State:24,RestartCnt:24,TimeLeft:24,Reason:80"};
}

std::vector<SlurmJob> read_queue(std::string_view output) {
  std::vector<SlurmJob> out;
  std::istringstream lines{std::string(output)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string job, task, state, restarts, left;
    SlurmJob found;
    if (!(words >> job >> task >> state >> restarts >> left)) continue;
    if (!number_in<std::uint64_t>(job) || !number_in<std::uint64_t>(task)) continue;
    found.id = job + "_" + task;
    found.state = state;
    found.restarts = number_in<std::uint32_t>(restarts).value_or(0);
    found.time_left = time_in(left);
    std::getline(words >> std::ws, found.reason);
    found.reason.erase(found.reason.find_last_not_of(' ') + 1);
    out.push_back(std::move(found));
  }
  return out;
}

std::optional<staffing::JobState> meaning_of(const SlurmJob& job) {
  using staffing::JobState;
  if (is_one_of(job.state, {"RUNNING", "SIGNALING", "RESIZING"}))
    return job.time_left && *job.time_left <= kDrainLead ? JobState::kLeaving : JobState::kRunning;
  if (is_one_of(job.state, {"COMPLETING", "STAGE_OUT"})) return JobState::kLeaving;
  if (job.state == "CONFIGURING") return JobState::kWaiting;
  if (job.state == "PENDING") {
    const bool is_held = job.reason.find("Held") != std::string::npos || job.reason.find("held") != std::string::npos;
    return is_held || job.reason == "BeginTime" ? JobState::kLater : JobState::kWaiting;
  }
  if (is_one_of(job.state, {"SUSPENDED", "STOPPED", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT",
                            "RESV_DEL_HOLD", "POWER_UP_NODE"}))
    return JobState::kLater;
  return std::nullopt;
}

bool has_failed(const SlurmJob& job) { return is_one_of(job.state, {"FAILED", "OUT_OF_MEMORY", "BOOT_FAIL"}); }

bool is_hindered(const SlurmJob& job) {
  return job.state == "PENDING" && !job.reason.empty() &&
         !is_one_of(job.reason, {"None", "Priority", "Resources", "BeginTime", "Cleaning", "Prolog", "JobArrayTaskLimit"});
}

Words drain_words(const std::vector<std::string>& ids) {
  Words words{"scancel", "--quiet", "--batch", "--signal=USR1"};
  words.insert(words.end(), ids.begin(), ids.end());
  return words;
}

Words cancel_words(const std::vector<std::string>& ids) {
  Words words{"scancel", "--quiet", "--state=PENDING"};
  words.insert(words.end(), ids.begin(), ids.end());
  return words;
}

std::uint32_t read_most_in_array(std::string_view output) {
  const auto at = output.find("MaxArraySize");
  if (at == std::string_view::npos) return 1;
  std::istringstream words{std::string(output.substr(at))};
  std::string name, equals;
  std::uint32_t most = 0;
  return words >> name >> equals >> most && most > 0 ? most : 1;
}

std::optional<SlurmLabel> read_label(std::string_view label) {
  constexpr std::string_view kStart = "slurm:";
  const auto colon = label.rfind(':'), dot = label.rfind('.');
  if (!label.starts_with(kStart) || colon < kStart.size() || dot == std::string_view::npos || dot < colon)
    return std::nullopt;
  const auto restarts = number_in<std::uint32_t>(label.substr(dot + 1));
  if (!restarts) return std::nullopt;
  return SlurmLabel{std::string(label.substr(kStart.size(), colon - kStart.size())),
                    std::string(label.substr(colon + 1, dot - colon - 1)), *restarts};
}

}  // namespace extfarm::clusters
