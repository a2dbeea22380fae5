// How Slurm is spoken to: words for its commands, and what these print.  Knows
// no process.  Tried with Slurm 22.05.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/timestamp.h"
#include "coordinator/staffing/staffing.h"

namespace extfarm::clusters {

struct SlurmJobRequest {
  std::string job_name;       // of all workers of one keeper
  std::string worker;         // extfarm-worker's path, as the nodes see it
  std::string rendezvous, key_folder, log_folder;
  std::uint32_t slots = 1;
  Duration idle_exit = std::chrono::seconds(60);  // should nobody be left to give it back
  std::string time_limit, partition, account;     // as sbatch takes them; empty: the cluster's default
  std::vector<std::string> sbatch_options, worker_options;
};

using Words = std::vector<std::string>;

// The script of a job, that becomes the worker.
std::string job_script(const SlurmJobRequest&);
// For `count` jobs in one array.
Words sbatch_words(const SlurmJobRequest&, std::uint32_t count);
// "12" or "12;cluster", as --parsable prints it; nullopt when it is neither.
std::optional<std::string> read_submitted(std::string_view output);

Words squeue_words(const std::string& job_name, const std::string& user);
struct SlurmJob {
  std::string id;            // "12_3": job 12 of an array, its fourth task
  std::string state;         // Slurm's own word
  std::uint32_t restarts = 0;
  std::optional<Duration> time_left;  // nullopt: no limit, or not known
  std::string reason;        // why it waits; "None"
  // A requeued job keeps its id.
  std::string life() const { return id + "." + std::to_string(restarts); }
};
// One of each line; lines that say something else are left out.
std::vector<SlurmJob> read_queue(std::string_view output);

// What a job's state means; nullopt when it has ended.  One that has less time
// left than its drain signal comes before is about to leave.
std::optional<staffing::JobState> meaning_of(const SlurmJob&);
// It ended, and not because anybody wanted it to.
bool has_failed(const SlurmJob&);
// It waits for something other than its turn, such as a limit or an administrator.
bool is_hindered(const SlurmJob&);

// Drains: the batch process alone hears USR1, not the compilers.
Words drain_words(const std::vector<std::string>& ids);
Words cancel_words(const std::vector<std::string>& ids);

// MaxArraySize in what `scontrol show config` prints; 1 where it says nothing or that there are no arrays.
std::uint32_t read_most_in_array(std::string_view output);

// A worker's label in its beacon, and what it says: "slurm:NAME:12_3.0", the last figure counts restarts.
struct SlurmLabel {
  std::string job_name, id;
  std::uint32_t restarts = 0;
};
std::optional<SlurmLabel> read_label(std::string_view label);

}  // namespace extfarm::clusters
