#include "coordinator/clusters/slurm_client.h"

#include <algorithm>

namespace extfarm::clusters {
namespace {

constexpr Duration kPatience = std::chrono::seconds(20);

// "sbatch: error: Batch job submission failed: No" → "Batch job submission failed: No"; the last line says most.
std::string words_of(const std::string& stderr_bytes) {
  auto end = stderr_bytes.find_last_not_of("\n ");
  if (end == std::string::npos) return "it gave no reason";
  const auto line_start = stderr_bytes.rfind('\n', end);
  std::string line = stderr_bytes.substr(line_start == std::string::npos ? 0 : line_start + 1);
  line.erase(line.find_last_not_of("\n ") + 1);
  const auto error = line.find("error: ");
  return error == std::string::npos ? line : line.substr(error + 7);
}

}  // namespace

Result<SlurmClient> SlurmClient::open(const std::function<std::string(const std::string&)>& find,
                                      const std::map<std::string, std::string>& environment) {
  SlurmClient client;
  for (const char* name : {"sbatch", "squeue", "scancel", "scontrol"}) {
    client.programs_[name] = find(name);
    if (!client.programs_[name].empty()) continue;
    return failure(ErrorCode::kNotFound,
                   std::string("there is no ") + name +
                       " on the PATH; run this where Slurm jobs can be submitted, or install its commands (Debian: slurm-client)");
  }
  for (const auto& [name, value] : environment) {
    // These would change what the commands print, or are another process's.
    const bool is_kept = !name.starts_with("SQUEUE_") && !name.starts_with("SCANCEL_") && name != "EXTFARM_SOCKET" &&
                         name != "SLURM_TIME_FORMAT";
    if (is_kept) client.environment_.emplace_back(name, value);
  }
  return client;
}

Result<std::string> SlurmClient::run(const Words& words, const std::string& input) {
  ProcessRequest request;
  request.program = programs_.at(words.front());
  request.argv = words;
  request.environment = environment_;
  request.cwd = "/";
  request.stdin_bytes = input;
  ProcessRunner runner;
  const auto exit = runner.run(request, kPatience);
  if (!exit) return tl::unexpected(exit.error());
  if (exit->signal != 0)
    return failure(ErrorCode::kUnavailable, words.front() + " did not answer within 20 s: " + words_of(exit->stderr_bytes));
  if (exit->exit_code != 0) return failure(ErrorCode::kRefused, words.front() + " says: " + words_of(exit->stderr_bytes));
  return exit->stdout_bytes;
}

Result<std::vector<SlurmJob>> SlurmClient::queue(const std::string& job_name, const std::string& user) {
  return run(squeue_words(job_name, user)).map([](const std::string& output) { return read_queue(output); });
}

Result<std::string> SlurmClient::submit(const SlurmJobRequest& request, std::uint32_t count) {
  const auto output = run(sbatch_words(request, count), job_script(request));
  if (!output) return tl::unexpected(output.error());
  const auto id = read_submitted(*output);
  if (!id) return failure(ErrorCode::kRefused, "sbatch printed no job number, but: " + words_of(*output));
  return *id;
}

Result<void> SlurmClient::drain(const std::vector<std::string>& ids) {
  if (ids.empty()) return {};
  return run(drain_words(ids)).map([](const std::string&) {});
}

Result<void> SlurmClient::cancel(const std::vector<std::string>& ids) {
  if (ids.empty()) return {};
  return run(cancel_words(ids)).map([](const std::string&) {});
}

std::uint32_t SlurmClient::most_in_array() {
  if (most_in_array_ == 0) {
    const auto output = run({"scontrol", "show", "config"});
    if (!output) return 1;
    most_in_array_ = read_most_in_array(*output);
  }
  return most_in_array_;
}

}  // namespace extfarm::clusters
